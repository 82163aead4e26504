"""What a strategy gets and what it returns.

    FanoutSpec --cut--> Work (descriptors) --strategy--> parts on disk + one PartRecord a chunk

A strategy's `start` is a context manager: it starts the workers, yields a Crew that runs Work any number of
times, and stops the workers at the end. The three are timed separately.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from fanout_pipeline.engine.model.arrivals import Arrivals
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy, Options
from fanout_pipeline.engine.model.spec import Dependency
from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
from fanout_pipeline.sources.source import Chunk, Source, Version

if TYPE_CHECKING:
    from fanout_pipeline.engine.system.progress import Progress
    from fanout_pipeline.engine.system.usage import ProcessUsage
    from fanout_pipeline.engine.timing.timeline import WorkerTimeline
    from fanout_pipeline.results.store.generation import Generation
    from fanout_pipeline.results.store.ledger import Finished
    from fanout_pipeline.results.store.manifest import PartRecord

Feature = Literal[
    "retries", "quarantine", "item_timeout_seconds", "worker_memory_mb", "resume", "by_value"
]
"""What a strategy may lack. `by_value` stands for functions that worker processes cannot import by name."""
FEATURES: frozenset[Feature] = frozenset(get_args(Feature))


class HasInputs(Protocol):
    """What reads a source and calls a function that reads more: a spec, or the work of a run."""

    @property
    def source(self) -> Source: ...

    @property
    def depends_on(self) -> tuple[Dependency, ...]: ...


@dataclass(frozen=True, slots=True)
class InputVersions:
    """The versions of everything that a run reads."""

    source: Version
    """The version of the source."""
    depends_on: dict[str, str]
    """A stamp for each name in `depends_on`, which changes when its contents do."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one run as it is sent to workers: descriptors, not data."""

    source: Source
    """The source from which workers read chunks."""
    function: Callable[[Any], Any]
    """The function for single items."""
    batch_function: Callable[[Any], Any] | None
    """The function for whole batches, if the spec has one."""
    chunks: tuple[Chunk, ...]
    """The chunks that are not finished, in order; of an input that is still arriving none: see `arrivals`."""
    generation: Generation
    """Where the parts are written."""
    fixed: bool = False
    """Whether the user asked for these chunks; if not, crews may cut them smaller."""
    failures: FailurePolicy = FAIL
    """What happens to an item whose call fails."""
    finished: tuple[Finished, ...] = ()
    """The chunks that an earlier run has finished; their parts are in `generation`."""
    depends_on: tuple[Dependency, ...] = ()
    """What the function reads besides its items."""
    seen: InputVersions | None = None
    """The versions of the inputs, which must not change during the run."""
    surroundings: Surroundings = DEFAULT
    """The settings that calls see, wherever they are made."""
    arrivals: Arrivals | None = None
    """Where chunks come from while calls are made; None where all are known."""
    spooled: Source | None = None
    """The source that `seen` is of, where `source` reads the spool of another."""

    @property
    def first_number(self) -> int:
        """The number of the first part that is still to be written."""
        return 1 + max((one.part.number for one in self.finished), default=-1)


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


class Crew(Protocol):
    """Workers that have started and wait for work."""

    def run(self, work: Work, progress: Progress) -> Ran:
        """Write the part of every chunk.

        Raises ItemFailed, BadInput or WorkerDied, after which no part is written any more.
        """

    def usage(self) -> list[ProcessUsage]:
        """What the worker processes have used so far; empty if everything runs in this process."""

    def warm_up(self) -> None:
        """Import what pays for workers that do further runs, but would not for one."""
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
    lacks: frozenset[Feature] = frozenset({"item_timeout_seconds"})
    """What it cannot do. A baseline refuses a run that asks for it, others warn (see `suitability`)."""
    baseline: bool = False
    """Whether it is for comparison only; each run of it then has a process of its own."""

    @property
    def starts_processes(self) -> bool:
        """Whether it starts worker processes; threads cost next to nothing."""
        return self.start_methods != ("none",)

    def calls_at_once(self, options: Options) -> int:
        """How many calls may be waiting at the same time."""
        if self.awaits:
            return options.concurrency
        return 1 if self.single else options.workers
