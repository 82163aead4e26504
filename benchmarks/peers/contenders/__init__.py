"""Every contender, in the order in which it is shown: one file each, and one line here.

A file has `start(job)`: a context manager that starts what can be kept (a pool, a cluster) and yields a
function that does the job once, into a folder. It imports its library at its top, so that this takes
place before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.peers.workloads import Workload
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.registry import STRATEGIES

REFERENCE = "plain loop"
HERE = __name__


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a job."""

    name: str
    module: str
    """With `start`; importable."""
    library: str = ""
    """What it imports that may not be installed."""
    strategy: str = ""
    """Of ours: its name in the registry."""
    alone: bool = False
    """It has no worker processes: a second run of a long job is like the first."""
    once: bool = False
    """It has nothing to keep for a second run, and starting is most of it."""
    cluster: bool = False
    """It takes seconds to start: it waits until the others have had the rounds that an interval takes."""
    suits: Callable[[Workload], bool] = lambda workload: True

    @property
    def ours(self) -> bool:
        return bool(self.strategy)

    @property
    def installed(self) -> bool:
        return not self.library or find_spec(self.library) is not None


def _expression(workload: Workload) -> bool:
    return bool(workload.expression)


def _not_millions(workload: Workload) -> bool:
    # A future or a task an item: 10,000,000 take over a minute (joblib), or more memory than there is.
    return workload.items <= 1_000_000


def _ours(strategy: Strategy) -> Contender:
    def suits(workload: Workload) -> bool:
        if strategy.baseline:
            return workload.article
        if strategy.awaits:
            return workload.async_function is not None
        if strategy.starts_processes and workload.waits:
            return False  # an interpreter for each call that waits: nobody would
        return workload.batch_function is not None or not strategy.batch

    alone = not strategy.starts_processes
    return Contender(
        f"ours: {strategy.name}", f"{HERE}.ours", strategy=strategy.name, alone=alone, suits=suits
    )


CONTENDERS: tuple[Contender, ...] = (
    Contender(REFERENCE, f"{HERE}.plain_loop", alone=True),
    *map(_ours, STRATEGIES.values()),
    Contender("Pool.map", f"{HERE}.pool_map"),
    Contender("Pool.imap", f"{HERE}.pool_imap"),
    Contender("ProcessPoolExecutor", f"{HERE}.process_executor"),
    Contender("ThreadPoolExecutor", f"{HERE}.thread_executor", alone=True, suits=_not_millions),
    Contender(
        "asyncio.gather",
        f"{HERE}.asyncio_gather",
        suits=lambda work: work.async_function is not None,
    ),
    Contender("joblib", f"{HERE}.joblib_parallel", "joblib", suits=_not_millions),
    Contender("mpire", f"{HERE}.mpire_pool", "mpire", suits=_not_millions),
    Contender("Dask bag", f"{HERE}.dask_bag", "distributed", cluster=True),
    Contender("Dask DataFrame", f"{HERE}.dask_dataframe", "distributed", cluster=True),
    Contender("Dask futures", f"{HERE}.dask_futures", "distributed", cluster=True),
    Contender("Ray tasks", f"{HERE}.ray_tasks", "ray", cluster=True),
    Contender("Ray Data", f"{HERE}.ray_data", "ray", cluster=True),
    Contender("polars", f"{HERE}.polars_expression", "polars", suits=_expression),
    Contender("duckdb", f"{HERE}.duckdb_expression", "duckdb", suits=_expression),
    Contender("Dagster steps", f"{HERE}.dagster_steps", "dagster", once=True, cluster=True),
)
