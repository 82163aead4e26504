"""How many threads linear algebra has: its sums differ in the last digits with their number.

A worker process gets one, for it has one core. What is compared with workers may run in a process that
began with more: for as long as that lasts it gets what they get.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What OpenBLAS looks at, in this order. Others start no more threads in workers than elsewhere."""
_ONE = {"OPENBLAS_NUM_THREADS": "1"}
_TOLD = (*_THREADS, "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def worker_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker process: the user's, with one thread where that names no number.

    NumPy's import starts a thread for each core of the machine otherwise, which takes 0.11 s of CPU
    time on two.
    """
    return dict(environment) | ({} if _threads(environment) else _ONE)


def numeric_record(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that decide it wherever `as_in_workers` holds."""
    there = worker_environment(environment)
    return {name: there[name] for name in _TOLD if name in there}


@contextmanager
def as_in_workers() -> Iterator[None]:
    """For the block, as many threads in this process, and in those that it starts, as in a worker."""
    before = {name: os.environ.get(name) for name in _ONE}
    with ExitStack() as limits:
        # For processes that are started, and libraries that are loaded, only now.
        os.environ.update(numeric_record())
        limits.callback(_restore, before)
        _limit(limits)
        yield


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _limit(until: ExitStack) -> None:
    """The same for libraries that are loaded, which read their environment when they were."""
    threads = _threads(os.environ)
    if "numpy" not in sys.modules or threads is None:
        return
    from threadpoolctl import ThreadpoolController  # here, for workers do without: 0.05 s

    loaded = ThreadpoolController().select(internal_api="openblas")
    until.enter_context(loaded.limit(limits=threads))


def _threads(environment: Mapping[str, str]) -> int | None:
    """As OpenBLAS reads it, which starts no more than there are cores."""
    for name in _THREADS:
        given = environment.get(name, "").strip()
        if given.isascii() and given.isdigit() and int(given) > 0:
            return min(int(given), os.cpu_count() or 1)
    return None
