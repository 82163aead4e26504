"""What is done next, and what came of it: chunks of the plan, and those that workers have died with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.suspects import Death, Split, Suspect, Suspects
from fanout_pipeline.sources.source import Chunk, Source

_ANNOUNCED_SECONDS = 0.25
"""Suspected pieces are cut short after this time: as much is done again if another worker dies."""
_ANNOUNCED_SHARE = 0.05
"""Suspected pieces last for at least this share of the time for which calls are announced: a long piece would
otherwise become thousands of parts."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A chunk as it is given to a worker."""

    chunk: Chunk
    seconds: float
    """The chunk is cut short after this many seconds of calls."""
    suspect: Suspect | None = None
    """What the chunk is suspected of."""

    @property
    def alone(self) -> bool:
        """Whether it is one item, to be called by a worker that has done nothing else."""
        return self.suspect is not None and self.suspect.alone and self.suspect.failure is None


class Assignments:
    """All of a run that is not done yet. Not thread-safe."""

    def __init__(self, plan: ChunkPlan, suspects: Suspects):
        self._plan = plan
        self._suspects = suspects
        self._is_cut_off = False

    def cut_off(self, assignment: Assignment) -> None:
        """A budget is spent: nothing was done of an assignment, and nothing more is given out."""
        self._is_cut_off = True
        self._plan.cut_off(assignment.chunk)

    @property
    def again(self) -> bool:
        """Whether something waits to be done again."""
        return bool(self._suspects) and not self._is_cut_off

    @property
    def awaits(self) -> bool:
        """Whether more may still arrive."""
        return self._plan.awaits

    @property
    def more(self) -> bool:
        """Whether there may be something to assign later, whoever is busy now."""
        return self.again or self.awaits

    def next_due(self) -> float:
        """When (time.monotonic) the first of these may be done; infinite if nothing waits."""
        return self._suspects.next_due()

    def take(self, now: float) -> Assignment | None:
        """The next assignment; None if there is none, or none yet."""
        suspect = None if self._is_cut_off else self._suspects.take(now)
        if suspect is None:
            chunk = self._plan.take()
            return None if chunk is None else Assignment(chunk, self._plan.seconds(chunk))
        chunk = self._plan.numbered(suspect.chunk.start, suspect.chunk.stop)
        seconds = self._plan.seconds(chunk)
        if not math.isinf(seconds):  # infinite where the user has asked for these chunks
            seconds = min(seconds, max(_ANNOUNCED_SECONDS, _ANNOUNCED_SHARE * suspect.seconds))
        return Assignment(chunk, seconds, suspect)

    def done(self, assignment: Assignment, seconds: float, rest: Chunk | None) -> None:
        """It was done in so many seconds, up to the beginning of `rest`."""
        chunk = assignment.chunk
        unsuspected = self._suspects.done(assignment.suspect, seconds, rest)
        if rest is not None and unsuspected is None:
            self._plan.done(replace(chunk, stop=rest.start), seconds, None)
        else:
            self._plan.done(chunk, seconds, unsuspected)

    def died(self, assignment: Assignment, death: Death, split: Split | None, now: float) -> None:
        """Its worker died: see `Suspects.died`."""
        self._plan.lost(assignment.chunk)
        self._suspects.died(assignment.chunk, assignment.suspect, death, split, now)


def split_at(source: Source, chunk: Chunk, position: int) -> Split:
    """A chunk cut around its item at this position. Raises BadInput where it cannot be read."""
    items = source.read(chunk)
    start = items.rest(position).start if position else chunk.start
    # The last item may end after the chunk.
    stop = items.rest(position + 1).start if position + 1 < len(items) else chunk.stop
    return Split(
        before=replace(chunk, stop=start) if position else None,
        item=replace(chunk, start=start, stop=stop),
        after=replace(chunk, start=stop) if stop < chunk.stop else None,
    )
