"""What a strategy is given and what it gives back.

    FanoutSpec --cut--> Work (descriptors) --strategy--> parts on disk + one PartRecord a chunk

A strategy is a context manager that starts its workers and yields a Crew; the crew runs Work any
number of times; leaving the context stops the workers. The three are timed separately.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fanout_pipeline.engine.model.options import FAIL, FailurePolicy, Options
from fanout_pipeline.engine.model.spec import Dependency, FanoutSpec, is_async
from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
from fanout_pipeline.sources.source import Chunk, Source, Version

if TYPE_CHECKING:
    from fanout_pipeline.engine.system.progress import Progress
    from fanout_pipeline.engine.system.usage import ProcessUsage
    from fanout_pipeline.engine.timing.timeline import WorkerTimeline
    from fanout_pipeline.results.store.ledger import Finished
    from fanout_pipeline.results.store.manifest import PartRecord


class Reads(Protocol):
    """Whoever reads an input, and calls a function that reads more: a fan-out, or a run's work."""

    @property
    def source(self) -> Source: ...

    @property
    def depends_on(self) -> tuple[Dependency, ...]: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What changes when anything does that a run reads."""

    source: Version
    depends_on: dict[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """One fan-out, as it travels to the workers: descriptors only."""

    source: Source
    function: Callable[[Any], Any]
    batch_function: Callable[[Any], Any] | None
    chunks: tuple[Chunk, ...]
    """All of the source that is not finished, in order."""
    folder: Path
    """Where the parts are written."""
    fixed: bool = False
    """The chunks are those that the user has asked for; otherwise crews may cut them smaller."""
    failures: FailurePolicy = FAIL
    finished: tuple[Finished, ...] = ()
    """What an earlier run has done of it; the parts are in `folder`."""
    depends_on: tuple[Dependency, ...] = ()
    seen: Look | None = None
    """The source and what the function depends on, as they must stay."""
    surroundings: Surroundings = DEFAULT
    """Of the calls, wherever they are made."""

    @property
    def first_number(self) -> int:
        """The number of the first part that is not there yet."""
        return 1 + max((one.part.number for one in self.finished), default=-1)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a crew gave, and where its time went."""

    parts: list[PartRecord]
    """In the order of the chunks."""
    timelines: tuple[WorkerTimeline, ...]
    """One a worker, also for workers that had no work."""
    sent_bytes: int = 0
    """Pickled bytes that travelled between processes."""
    pickle_seconds: float = 0.0
    """CPU time of pickling and unpickling items and results, on both sides; measured by baselines only."""


class Crew(Protocol):
    """Workers that have answered and can be given work."""

    def run(self, work: Work, progress: Progress) -> Ran:
        """Write every chunk's part.

        Raises ItemFailed, BadInput or WorkerDied. No part is written after that.
        """

    def usage(self) -> list[ProcessUsage]:
        """What the worker processes have used up to now; empty where all runs in this process."""

    def warm_up(self) -> None:
        """Import what pays for workers that do further runs, but would not for one."""
        return


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to run all chunks."""

    name: str
    description: str
    """One or two sentences for the reader of the asset graph."""
    start: Callable[[Options], AbstractContextManager[Crew]]
    keeps_order: bool = True
    """False where the results come in the order of arrival."""
    start_methods: tuple[str, ...] = ("none",)
    """How its worker processes can be started, the default first; "none": it has no processes."""
    single: bool = False
    """It uses one worker, whatever the options say."""
    batch: bool = False
    """It calls the batch function."""
    awaits: bool = False
    """It has calls of an async function in flight beside each other."""
    ends_calls: bool = False
    """It ends a call that takes longer than `item_timeout_seconds`."""

    @property
    def starts_processes(self) -> bool:
        """Whether there are worker processes to start; threads cost next to nothing."""
        return self.start_methods != ("none",)

    def suits(self, spec: FanoutSpec) -> bool:
        """Whether there is what it calls: a batch function, an async one; any function otherwise."""
        if self.batch:
            return spec.batch_function is not None
        return not self.awaits or is_async(spec.function)

    def calls_at_once(self, options: Options) -> int:
        """How many calls may wait beside each other."""
        if self.awaits:
            return options.concurrency
        return 1 if self.single else options.workers
