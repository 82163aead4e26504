"""The record of one run of one strategy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.changes import Changes
    from fanout_pipeline.sources.source import Version


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The time, the memory and the outcome of one run. Seconds are wall time unless their name says CPU."""

    strategy: str
    """The name of the strategy."""
    wall_seconds: float
    """The time from cutting the source to committed parts, with starting and stopping the workers."""
    start_seconds: float
    """The time until every worker had answered."""
    run_seconds: float
    """The time for cutting, reading, calling and writing."""
    stop_seconds: float
    """The time until every worker had ended."""
    commit_seconds: float
    """The time until the results were visible."""
    cpu_seconds: float
    """The CPU time of this process and its workers."""
    peak_rss_bytes: int
    """The peak memory of the largest of these processes."""
    items: int
    """The number of items in the results, including quarantined and reused ones."""
    workers: int
    """The number of workers that were asked for; of `auto`, which takes fewer where more do not pay, that it had."""
    worker_pids: tuple[int, ...]
    """The processes that called the function."""
    chunks: int
    """The number of parts that were written or reused. Small ones become fewer before they are visible."""
    start_method: str
    """How the worker processes were started, `none` if there were none."""
    digest: str
    """A hash of the indexes and values of all results, the same for every strategy and chunking."""
    input: Version
    """The version of the input that was read."""
    function_fingerprint: str
    """The fingerprint of the function and of what it depends on."""
    warm_seconds: tuple[float, ...] = ()
    """The time of each further run by the same workers, from cutting to committed parts."""
    phases: dict[str, float] = field(default_factory=dict)
    """Where the time went, in seconds by the names in `phases.PHASES`. Each is a mean over the workers, so
    that they sum to `wall_seconds`."""
    sent_bytes: int = 0
    """The number of pickled bytes sent between processes: descriptors, items, results."""
    pickle_seconds: float = 0.0
    """CPU time of pickling and unpickling items and results, on both sides; measured for baselines only."""
    failed: int = 0
    """The number of quarantined items."""
    retried: int = 0
    """The number of calls that this run made again because an item's call before had failed."""
    reused_chunks: int = 0
    """The number of chunks reused from an earlier run that did not finish."""
    part_files: int = 0
    """The number of part files that are visible."""
    reused_items: int = 0
    """The number of items in reused chunks."""
    changes: Changes | None = None
    """What a run with a key has found to have changed since the results before; None without a key."""
    why: str = ""
    """What `auto` has chosen, and why, in a sentence with its numbers; empty for other strategies."""

    @property
    def items_per_second(self) -> float:
        """The speed over the items that were not reused."""
        return (self.items - self.reused_items) / self.wall_seconds
