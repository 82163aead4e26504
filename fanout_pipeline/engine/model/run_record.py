"""What is kept of one run of one strategy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout_pipeline.sources.source import Version


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one run took and gave. Seconds are wall time unless they are called CPU."""

    strategy: str
    wall_seconds: float
    """From cutting the source to committed parts, starting and stopping workers included."""
    start_seconds: float
    """Until every worker has answered."""
    run_seconds: float
    """Cutting, reading, calling, writing."""
    stop_seconds: float
    """Until every worker is gone."""
    commit_seconds: float
    cpu_seconds: float
    """Of this process and its workers."""
    peak_rss_bytes: int
    """Of the largest of these processes."""
    items: int
    workers: int
    worker_pids: tuple[int, ...]
    """The processes that called the function."""
    chunks: int
    start_method: str
    digest: str
    input: Version
    function_fingerprint: str
    warm_seconds: tuple[float, ...] = ()
    """Of each further run by the same workers, from cutting to committed parts."""
    phases: dict[str, float] = field(default_factory=dict)
    """Where `wall_seconds` went, in seconds by the names of `phases.PHASES`: of each worker's
    time, the mean over the workers, so that the values sum to `wall_seconds`."""
    sent_bytes: int = 0
    """Pickled bytes that travelled between processes: descriptors, items, results."""
    pickle_seconds: float = 0.0
    """CPU time of pickling and unpickling items and results, on both sides; measured for baselines only."""
    failed: int = 0
    """Of the items, those that are in quarantine."""
    reused_chunks: int = 0
    """Of an earlier run that did not come to its end."""
    reused_items: int = 0

    @property
    def items_per_second(self) -> float:
        """Of those that this run has called the function for."""
        return (self.items - self.reused_items) / self.wall_seconds
