"""One call of `fan_out` in a process of its own: `python -m benchmarks.workloads.one_call REQUEST`.

Prints what it took, and a digest of its results, as JSON in the last line. What a call imports of this
package and of the formats' libraries is imported before, for the sake of those that write files.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import marshal
import pkgutil
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

_ROOMS = ("engine", "results", "sources")


@dataclass(frozen=True, slots=True)
class Request:
    """What to call and how."""

    workload: str
    loops_per_second: float
    share: float
    """Of the workload's items."""
    strategy: str
    workers: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call took."""

    seconds: float
    digest: str
    """Of the results in their order."""
    strategy: str
    """The one that made the calls."""
    why: str
    """Of `auto`, its sentence."""


def main() -> None:
    request = Request(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(_taken(request))))


def _taken(request: Request) -> Taken:
    from benchmarks.workloads.catalogue import workloads
    from fanout_pipeline import Options, fan_out

    workload = workloads(request.loops_per_second)[request.workload]
    items = workload.make(max(1, round(workload.count * request.share)))
    import_all()
    options = Options(workers=request.workers)
    began = time.perf_counter()
    results = fan_out(items=items, strategy=request.strategy, options=options, **workload.call())
    seconds = time.perf_counter() - began
    record = results.record
    return Taken(seconds, digest_of(results), record.strategy, getattr(record, "why", ""))


def digest_of(results: Any) -> str:
    # The second version of the format knows no references, so that equal values are equal bytes.
    return hashlib.sha256(marshal.dumps(list(results), 2)).hexdigest()


def import_all() -> None:
    """All that a call may import, so that no import is timed."""
    import fanout_pipeline

    for room in _ROOMS:
        path = [f"{path}/{room}" for path in fanout_pipeline.__path__]
        for module in pkgutil.walk_packages(path, f"fanout_pipeline.{room}."):
            with suppress(ModuleNotFoundError):  # It needs what is not installed, and is not used.
                importlib.import_module(module.name)
    import pandas  # noqa: F401
    import pyarrow

    pyarrow.array([0])  # The first call imports more.


if __name__ == "__main__":
    main()
