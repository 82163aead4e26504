"""How many threads linear algebra uses: the last digits of its sums depend on their number.

A worker process gets one thread, as it has one core. The process that workers are compared with may have
started with more: for the comparison it gets as many as they have.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

_OPENBLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What OpenBLAS reads, in this order. Other libraries start as many threads in workers as elsewhere."""
_RECORDED = (
    *_OPENBLAS_VARIABLES,
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def worker_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a worker process: the user's, with one thread unless it names a number.

    Otherwise importing NumPy starts a thread for each core, which takes 0.11 s of CPU time on two.
    """
    return dict(environment) | ({} if _openblas_threads(environment) else _ONE_THREAD)


def thread_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that determine the number of threads in workers and under `as_in_workers`."""
    in_workers = worker_environment(environment)
    return {name: in_workers[name] for name in _RECORDED if name in in_workers}


@contextmanager
def as_in_workers() -> Iterator[None]:
    """For the block, use as many threads as a worker, in this process and in those that it starts."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    with ExitStack() as limits:
        # For processes that are started, and libraries that are loaded, in the block.
        os.environ.update(thread_variables())
        limits.callback(_restore, before)
        _limit_loaded_libraries(limits)
        yield


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _limit_loaded_libraries(limits: ExitStack) -> None:
    """Set the limit in libraries that are loaded, which do not read the environment again."""
    threads = _openblas_threads(os.environ)
    if "numpy" not in sys.modules or threads is None:
        return
    from threadpoolctl import ThreadpoolController  # takes 0.05 s, which workers do without

    loaded = ThreadpoolController().select(internal_api="openblas")
    limits.enter_context(loaded.limit(limits=threads))


def _openblas_threads(environment: Mapping[str, str]) -> int | None:
    """The number that OpenBLAS reads from the environment; it starts no more than there are cores."""
    for name in _OPENBLAS_VARIABLES:
        text = environment.get(name, "").strip()
        if text.isascii() and text.isdigit() and int(text) > 0:
            return min(int(text), os.cpu_count() or 1)
    return None
