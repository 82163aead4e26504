"""Every contender, in the order in which it is shown: one file each, and one line here.

A file has `start(job)`: a context manager that starts what can be kept (a pool, a cluster) and yields a
function that does the job once and gives the results. It imports its library at its top, so that this takes
place before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.workloads.catalogue import Workload
from fanout_pipeline.engine.calls.invoke import is_async

REFERENCE = "plain loop"
OURS = "fan_out"
HERE = __name__


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a job."""

    name: str
    module: str
    """With `start`; importable."""
    library: str = ""
    """What it imports that may not be installed."""
    alone: bool = False
    """It has no worker processes: a second run of a long job is like the first."""
    cluster: bool = False
    """It takes seconds to start: it waits until the others have had the rounds that an interval takes."""
    suits: Callable[[Workload], bool] = lambda workload: True

    @property
    def ours(self) -> bool:
        return self.name == OURS

    @property
    def installed(self) -> bool:
        return not self.library or find_spec(self.library) is not None


def _not_millions(workload: Workload) -> bool:
    # A future or a task an item: of millions they take minutes (joblib), or more memory than there is.
    return workload.count <= 1_000_000


def _threads(workload: Workload) -> bool:
    return _not_millions(workload) and (workload.thread_safe or workload.waits)


CONTENDERS: tuple[Contender, ...] = (
    Contender(REFERENCE, f"{HERE}.plain_loop", alone=True),
    Contender(OURS, f"{HERE}.fan_out"),
    Contender("Pool.map", f"{HERE}.pool_map"),
    Contender("Pool.imap", f"{HERE}.pool_imap"),
    Contender("ProcessPoolExecutor", f"{HERE}.process_executor"),
    Contender("ThreadPoolExecutor", f"{HERE}.thread_executor", alone=True, suits=_threads),
    Contender(
        "asyncio.gather",
        f"{HERE}.asyncio_gather",
        alone=True,
        suits=lambda work: work.ours is not None and is_async(work.ours),
    ),
    Contender("joblib", f"{HERE}.joblib_parallel", "joblib", suits=_not_millions),
    Contender("mpire", f"{HERE}.mpire_pool", "mpire", suits=_not_millions),
    Contender("Dask", f"{HERE}.dask_futures", "distributed", cluster=True),
    Contender("Ray", f"{HERE}.ray_tasks", "ray", cluster=True),
)
