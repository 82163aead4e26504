"""What is to be done in one run, as it is sent to workers: which functions on which chunks of which source.

Apart from `strategy`, because a worker needs nothing of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
from fanout_pipeline.results.types.layout import PLAIN, Layout
from fanout_pipeline.sources.source import Chunk, Source, Version

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.arrivals import Arrivals
    from fanout_pipeline.engine.model.spec import Dependency
    from fanout_pipeline.results.store.generation import Generation
    from fanout_pipeline.results.store.ledger import Finished


@dataclass(frozen=True, slots=True)
class InputVersions:
    """The versions of everything that a run reads."""

    source: Version
    """The version of the source."""
    depends_on: dict[str, str]
    """A stamp for each name in `depends_on`, which changes when its contents do."""


class Setup(NamedTuple):
    """What makes the value that functions are given: see `calls.setup`."""

    make: Callable[..., Any]
    """The user's function."""
    resources: Mapping[str, Any]
    """Its arguments by name, as they can be sent: see `functions.resources`."""
    recycle_after: int | None = None
    """The number of calls after which a worker's value is made anew; None: never."""


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
    layout: Layout = PLAIN
    """Which columns the results have. Results of another type than it states are the function's errors."""
    arrivals: Arrivals | None = None
    """Where chunks come from while calls are made; None where all are known."""
    spooled: Source | None = None
    """The source that `seen` is of, where `source` reads the spool of another."""
    limits: CallLimits | None = None
    """What limits all calls together; None where nothing does."""
    thread_safe: bool = False
    """Whether several threads may make calls at the same time: see `FanoutSpec.thread_safe`."""
    setup: Setup | None = field(default=None, repr=False)
    """What makes the second argument of the functions; None: they have one."""

    @property
    def first_number(self) -> int:
        """The number of the first part that is still to be written."""
        return 1 + max((one.part.number for one in self.finished), default=-1)
