"""A process that receives a function as a worker process does, and says what that took.

Its standard input is a pickle of the function and all that goes with it; its standard output a line of JSON. With
`-X importtime` its standard error says which modules were imported, and how long each took.
"""

from __future__ import annotations

import json
import pickle
import sys
import time


def main() -> None:
    """Receive, and say what that took."""
    import fanout_pipeline.engine.calls.imports  # noqa: F401 (what any worker imports)

    sys.stderr.write(f"{BEGIN}\n")
    began = time.perf_counter()
    pickle.load(sys.stdin.buffer)
    seconds = time.perf_counter() - began
    sys.stderr.write(f"{END}\n")
    sys.stdout.write(json.dumps({"seconds": seconds, "blas_threads": _blas_threads()}))


BEGIN, END = "the function is received", "the function was received"
"""Lines of standard error, between which stands what was imported for the function."""


def _blas_threads() -> int | None:
    """The most threads that a loaded library of linear algebra uses; None where that cannot be known."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return max((one["num_threads"] for one in threadpool_info()), default=1)
