"""What a strategy is given, what it gives back, and how it fails.

    FanoutSpec --cut--> Work (descriptors) --strategy--> parts on disk + one PartRecord a chunk

A strategy is a context manager that starts its workers and yields a Crew; the crew runs Work any
number of times; leaving the context stops the workers. The three are timed apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fanout_pipeline.fanout.calling import is_async
from fanout_pipeline.fanout.import_path import import_path
from fanout_pipeline.fanout.policy import FAIL, FailurePolicy
from fanout_pipeline.fanout.surroundings import DEFAULT, Surroundings
from fanout_pipeline.sources.source import Chunk, Source

if TYPE_CHECKING:
    from fanout_pipeline.fanout.dependencies import Dependency
    from fanout_pipeline.fanout.lanes import Lane
    from fanout_pipeline.fanout.progress import Progress
    from fanout_pipeline.fanout.unchanged import Look
    from fanout_pipeline.fanout.usage import ProcessUsage
    from fanout_pipeline.parts.ledger import Finished
    from fanout_pipeline.parts.manifest import PartRecord


@dataclass(frozen=True, slots=True)
class FanoutSpec:
    """A function to call on every item of a source."""

    name: str
    """Names the assets (`<name>/<strategy>`) and the folder under the data root: letters, digits, `_`."""
    source: Source
    """Its path is relative to the data root."""
    function: Callable[[Any], Any]
    """Called with each item, awaited where it is async. Worker processes import it by its module
    and name; where they could not, or the module holds Dagster's objects, it is sent with its code."""
    batch_function: Callable[[Any], Any] | None = None
    """The same on a pandas Series of items, giving as many results; None: no `vectorized`."""
    upstream: tuple[str, ...] = ()
    """Keys of the assets that write the source, `prefix/name` where they have one."""
    depends_on: tuple[Dependency, ...] = ()
    """What the function reads beside its items, as far as results depend on it: paths of files and of
    folders, as the function gives them (relative to the working directory, not to the data root);
    `env:NAME`, a variable of the environment; `package:NAME`, the version of an installed one."""
    tolerance: float = 1e-9
    """By how much floats in results may differ from the reference's, relative to the larger, and be
    right: last digits depend on the order of a sum. All else is exact, and so are floats with 0."""
    import_path: tuple[str, ...] = field(
        default_factory=import_path, compare=False, repr=False, kw_only=True
    )
    """Where the function's modules are found, and what it imports when it is called: `sys.path` as it
    was here. Dagster takes the folder of the definitions off it once it has loaded them."""

    def __post_init__(self) -> None:
        if isinstance(self.depends_on, (str, Path)):
            raise TypeError(
                f"depends_on is a tuple of names: write depends_on=({str(self.depends_on)!r},)"
            )
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance must be at least 0 and finite, not {self.tolerance}")

    def under(self, root: Path) -> FanoutSpec:
        """The same fan-out with its source's path taken relative to `root`."""
        return replace(self, source=self.source.under(root))


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
class Options:
    """How much to fan out."""

    workers: int
    start_method: str
    """How worker processes are started; strategies without any ignore it."""
    concurrency: int = 100
    """Calls of an async function that `asyncio` has in flight at a time, at most."""
    failures: FailurePolicy = FAIL
    worker_memory_mb: int | None = None
    """Resident memory that a worker process may have; None: as much as there is."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {self.concurrency}")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a crew gave, and where its time went."""

    parts: list[PartRecord]
    """In the order of the chunks."""
    lanes: tuple[Lane, ...]
    """One a worker, also for workers that had no work."""
    sent_bytes: int = 0
    """Pickled bytes that travelled between processes."""
    pickle_seconds: float = 0.0
    """CPU time of pickling and unpickling these, on both sides."""


class Crew(Protocol):
    """Workers that have answered and can be given work."""

    def run(self, work: Work, progress: Progress) -> Ran:
        """Write every chunk's part.

        Raises ItemFailed, BadInput or WorkerDied. No part is written after that.
        """

    def usage(self) -> list[ProcessUsage]:
        """What the worker processes have used up to now; empty where all runs in this process."""

    def settle(self) -> None:
        """Do what pays for workers that live on, but would not for one run."""
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


class WorkerDied(Exception):
    """A worker process ended before its work did. The message says how."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception of the user's function, in a form that every process can read."""

    item: str
    """The item's repr, shortened."""
    error_type: str
    message: str
    traceback: str
    index: int = -1
    where: str = ""
    """Where a person finds the item in the source."""

    def at(self, index: int, source: Source) -> Failure:
        """The same failure with its place, which a worker need not know."""
        return replace(self, index=index, where=source.where(index))


class ItemFailed(Exception):
    """The user's function raised. The message names the item and holds the worker's traceback."""

    def __init__(self, failure: Failure):
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        f = self.failure
        # Indented, for a line of a message must not look like one of the log's own.
        traceback = "  " + f.traceback.rstrip("\n").replace("\n", "\n  ")
        return (
            f"The function failed on item {f.index} ({f.where}), {f.item}: "
            f"{f.error_type}: {f.message}\n\nIn the worker:\n{traceback}\n"
        )
