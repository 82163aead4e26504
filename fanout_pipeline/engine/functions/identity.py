"""What the parts of a run are made from and how: what of another identity is reused, `ledger` decides."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint, function_name
from fanout_pipeline.engine.functions.input_guard import look
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Look, Strategy
from fanout_pipeline.results.store.ledger import Identity
from fanout_pipeline.results.store.manifest import FORMAT
from fanout_pipeline.sources.source import Version


@dataclass(frozen=True, slots=True)
class Basis:
    """What a run is made from, as it was when the run began."""

    seen: Look
    input: Version
    """The source, examined."""
    function: dict[str, str]
    """Name and fingerprint of the one for single items."""
    depends_on: dict[str, str]
    """What each thing holds that the function depends on."""

    @classmethod
    def of(cls, spec: FanoutSpec) -> Basis:
        """Raises BadInput where the source cannot be read, or what the function depends on."""
        seen = look(spec)  # first: what changes while it is read here is found changed
        return cls(seen, spec.source.examine(), function_identity(spec.function), _held(spec))

    @property
    def made_by(self) -> dict[str, str]:
        """The function, with what it depends on in its fingerprint."""
        fingerprint = _with(self.function["fingerprint"], self.depends_on)
        return self.function | {"fingerprint": fingerprint}


def work_fingerprint(spec: FanoutSpec) -> str:
    """Of the function, and of what it depends on where there is something."""
    return _with(function_fingerprint(spec.function), _held(spec))


def _held(spec: FanoutSpec) -> dict[str, str]:
    if not spec.depends_on:
        return {}
    from fanout_pipeline.engine.functions.dependencies import held

    return held(spec.depends_on)


def _with(fingerprint: str, depends_on: Mapping[str, str]) -> str:
    if not depends_on:
        return fingerprint
    text = json.dumps([fingerprint, *sorted(depends_on.items())])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def identity_of(
    strategy: Strategy,
    spec: FanoutSpec,
    basis: Basis,
    chunks: int | None,
    options: Options,
) -> Identity:
    """By the names that a log line gives to what changed. `chunks`: as asked for; None, if not."""
    called = spec.batch_function if strategy.batch else spec.function
    assert called is not None
    results = {
        "the strategy": strategy.name,
        "the input": [basis.input.size, basis.input.identity],
        "the input's format": repr(spec.source).replace(repr(str(spec.source)), ""),
        "the function": function_identity(called) if strategy.batch else basis.function,
        "the version of the function's package": distribution_of(called),
        "the version of fanout_pipeline": [_version("fanout_pipeline"), FORMAT],
        "the version of Python": platform.python_version(),
        "the number of chunks": chunks,
        **basis.depends_on,
    }
    memory = options.worker_memory_mb if strategy.starts_processes else None
    failures = {
        "what is done with failed items": asdict(options.failures),
        "the memory that a worker may have": memory,
    }
    # As it comes back from a file: tuples are lists.
    return Identity(**json.loads(json.dumps({"results": results, "failures": failures})))


def function_identity(function: Callable[..., Any]) -> dict[str, str]:
    """Name and fingerprint."""
    return {"name": function_name(function), "fingerprint": function_fingerprint(function)}


def distribution_of(function: Callable[..., Any]) -> str | None:
    """Name and version of the installed distribution that a function's module belongs to.

    None for modules of none, such as a script's.
    """
    while isinstance(function, partial):
        function = function.func
    owner = function if hasattr(function, "__qualname__") else type(function)
    package = (getattr(owner, "__module__", None) or "").partition(".")[0]
    found = _version(package)
    if found is not None:
        return f"{package} {found}"
    module = inspect.getmodule(owner)
    path = Path(getattr(module, "__file__", None) or "")
    if {"site-packages", "dist-packages"}.isdisjoint(path.parts):
        return None
    return next((f"{one.name} {one.version}" for one in distributions() if _has(one, path)), None)


def _has(distribution: Distribution, path: Path) -> bool:
    # Lists of files, unread: packages_distributions() parses them, for a second.
    root = str(distribution.locate_file(""))
    listed = distribution.read_text("RECORD") or ""
    return path.is_relative_to(root) and f"\n{path.relative_to(root)}," in f"\n{listed}"


@cache  # 5 ms
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return None
