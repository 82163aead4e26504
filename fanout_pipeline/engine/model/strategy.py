"""What a strategy gets and what it returns.

    FanoutSpec --cut--> Work (descriptors) --strategy--> parts on disk + one PartRecord a chunk

A strategy's `start` is a context manager: it starts the workers, yields a Crew that runs Work any number of
times, and stops the workers at the end. The three are timed separately.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.work import Work

if TYPE_CHECKING:
    from fanout_pipeline.engine.system.progress import Progress
    from fanout_pipeline.engine.system.usage import ProcessUsage
    from fanout_pipeline.engine.timing.timeline import WorkerTimeline
    from fanout_pipeline.results.store.manifest import PartRecord

Feature = Literal[
    "retries",
    "quarantine",
    "item_timeout_seconds",
    "worker_memory_mb",
    "setup",
    "resume",
    "by_value",
    "limits",
    "record_items",
]
"""What a strategy may lack. `by_value` stands for functions that worker processes cannot import by name."""
FEATURES: frozenset[Feature] = frozenset(get_args(Feature))


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcome of one run of a crew, and where its time went."""

    parts: list[PartRecord]
    """The parts, in the order of the chunks."""
    timelines: tuple[WorkerTimeline, ...]
    """A timeline for each worker, even if it had no work."""
    sent_bytes: int = 0
    """The number of pickled bytes sent between processes."""
    pickle_seconds: float = 0.0
    """CPU time of pickling and unpickling items and results, on both sides; measured by baselines only."""
    workers: int = 0
    """How many called in the end, where this process was one of them."""


class Crew(Protocol):
    """Workers that have started and wait for work."""

    why: str = ""
    """See `RunRecord.why`, once it has run."""

    def run(self, work: Work, progress: Progress) -> Ran:
        """Write the part of every chunk.

        Raises ItemFailed, BadInput or WorkerDied, after which no part is written any more.
        """

    def usage(self) -> list[ProcessUsage]:
        """What the worker processes have used so far; empty if everything runs in this process."""

    def warm_up(self) -> None:
        """Have workers import and try what pays where they do further runs, but would not for one."""
        return


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to call a function on all items."""

    name: str
    """The name in run config, asset keys and reports."""
    description: str
    """One or two sentences for readers of the asset graph."""
    start: Callable[[Options], AbstractContextManager[Crew]]
    """Starts the workers for a block, with a crew that gives them work."""
    keeps_order: bool = True
    """Whether the results are in the order of the items, rather than of their arrival."""
    start_methods: tuple[str, ...] = ("none",)
    """The ways to start its worker processes, the default first; `none` if it has none."""
    single: bool = False
    """Whether it uses one worker, whatever the options say."""
    batch: bool = False
    """Whether it calls the batch function."""
    awaits: bool = False
    """Whether it has several calls of an async function in flight at once."""
    grows: bool = False
    """Whether it begins with one worker, and has others join where that pays, up to what the options say."""
    remote: bool = False
    """Whether it calls on a cluster, which says how many workers there are."""
    lacks: frozenset[Feature] = frozenset({"item_timeout_seconds"})
    """What it cannot do. A baseline refuses a run that asks for it, others warn (see `suitability`)."""
    baseline: bool = False
    """Whether it is for comparison only; each run of it then has a process of its own."""

    @property
    def starts_processes(self) -> bool:
        """Whether it starts worker processes; threads cost next to nothing."""
        return self.start_methods != ("none",)

    def call_limits(self, options: Options) -> CallLimits | None:
        """What limits all calls of a run together."""
        limits = options.call_limits
        return None if limits is None else limits._replace(several_hosts=self.remote)

    def calls_at_once(self, options: Options) -> int:
        """How many calls may be waiting at the same time."""
        if self.awaits:
            return options.concurrency
        return 1 if self.single else options.worker_count
