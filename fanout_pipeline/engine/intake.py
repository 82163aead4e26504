"""How a run gets at its input: in place, or through a spool that is filled while calls are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout_pipeline.engine.model.arrivals import Arrivals
from fanout_pipeline.engine.scheduling.arrivals import SpoolArrivals
from fanout_pipeline.engine.scheduling.resume import unfinished
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Finished
from fanout_pipeline.results.store.takeover import keep_only
from fanout_pipeline.sources.source import Chunk, Source, Version
from fanout_pipeline.sources.spool.feed import feed_of
from fanout_pipeline.sources.spool.spool import Spool

if TYPE_CHECKING:
    from fanout_pipeline.engine.functions.identity import Basis


def default_chunks(source: Source, size: int, workers: int) -> int:
    """Into how many chunks to cut a source of this size at first, where the user has not said.

    As few as fit in memory: crews cut them smaller where that pays (see `chunk_plan`).
    """
    return max(workers, math.ceil(size / source.CHUNK_SIZE))


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to be done."""

    chunks: tuple[Chunk, ...]
    arrivals: Arrivals | None = None
    """Where more chunks come from."""
    finished: tuple[Finished, ...] = ()
    """What an earlier run has done and is as this input would have it."""

    def require_all(self) -> None:
        """Raises what has kept the rest of the input from arriving, if anything did."""
        if self.arrivals is not None:
            self.arrivals.require_all()


class Intake:
    """An input that is cut in place."""

    def __init__(self, source: Source, input_: Version):
        self.described = source
        """The source as it was when the run began."""
        self._input = input_

    @property
    def source(self) -> Source:
        """What workers read."""
        return self.described

    @property
    def input(self) -> Version:
        """The version of the source, and what was found in it, once all was done."""
        return self._input

    def cut(self, wanted: int, finished: tuple[Finished, ...]) -> Cut:
        """What is left to do, in about so many chunks. Raises BadInput."""
        return Cut(unfinished(self.source.chunks(wanted), finished), finished=finished)


class SpoolIntake(Intake):
    """An input that is spooled."""

    def __init__(
        self,
        source: Source,
        input_: Version,
        spool: Spool,
        generation: Generation,
        whole: bool,
        log: Callable[[str], object],
    ):
        super().__init__(source, input_)
        self._spool = spool
        self._generation = generation
        self._whole = whole
        self._log = log

    @property
    def source(self) -> Source:
        return self._spool.source

    @property
    def input(self) -> Version:
        return self._spool.version(self._input)

    def cut(self, wanted: int, finished: tuple[Finished, ...]) -> Cut:
        if finished:
            finished = self._same(finished)
        self._spool.forget_before()
        if not self._whole:
            return Cut((), SpoolArrivals(self._spool, finished, self._log), finished)
        self._spool.let_run()
        while not self._spool.arrived.ended:
            self._spool.wait(self._spool.arrived.units, WAIT_SECONDS)
        return Cut(unfinished(self.source.chunks(wanted), finished), finished=finished)

    def _same(self, finished: tuple[Finished, ...]) -> tuple[Finished, ...]:
        """What was made of the same as has arrived now. The ledger has nothing else afterwards."""
        while (same := self._spool.compared(WAIT_SECONDS)) is None:
            pass
        kept = tuple(one for one in finished if one.stop <= same)
        if len(kept) < len(finished):
            self._log(
                f"{len(finished) - len(kept):,} of the {len(finished):,} finished chunks are not reused after "
                f"all: what {self.described} gives differs, after the first {same:,} {self._spool.unit}s"
            )
            keep_only(self._generation, kept, finished)
        return kept


@contextmanager
def taking_in(
    source: Source,
    basis: Basis,
    generation: Generation,
    finished: tuple[Finished, ...],
    whole: bool,
    log: Callable[[str], object],
) -> Iterator[Intake]:
    """The intake of a run. A spool is kept in the generation, and gone at the end.

    `whole`: nothing is called before all has arrived.
    """
    source = source.examined(basis.input)
    feed = feed_of(source) if basis.is_spooled else None
    if feed is None:
        yield Intake(source, basis.input)
        return
    spool = Spool(feed, generation.local)
    if finished:
        spool.expect(max(one.stop for one in finished))
    with spool:
        yield SpoolIntake(source, basis.input, spool, generation, whole, log)
