"""Which chunk is worked on next, and for how long: sizes chosen from the source's units and measured time.

Chunks begin as large as memory allows, because each costs one or two milliseconds. One that takes longer
than it should is cut short by its worker, and the rest is given out again in pieces whose size follows from the time
that a unit of it has taken. Towards the end the pieces become smaller ("guided self-scheduling",
Polychronopoulos and Kuck 1987), so that the last worker ends soon after the others. Pieces are given out in the
order of the input.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from fanout_pipeline.engine.model.arrivals import Arrivals
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.pace import Pace, Range
from fanout_pipeline.sources.source import Chunk

# docs/decisions/chunks.md has what was measured in simulation.
_UNKNOWN_SECONDS = 0.1
"""A chunk is cut short after this time as long as nothing is known of what a unit takes, where a part is a file."""
_LONGEST_SECONDS = 1.0
"""Pieces take no longer than this, so that progress is seen, unless `_LONGEST_SHARE` allows more."""
_LONGEST_SHARE = 0.01
"""Pieces may take this share of the time that each worker has worked so far, where that is longer. So a run that
dies loses no larger share with its pieces, and the number of parts grows with the logarithm of the time."""
_SHORTEST_SECONDS = 0.02
"""Pieces take no less than this, except the last: what a chunk costs beyond its items is then 5 to 11 % of it."""
_SHARE_OF_PAST = 0.5
"""Pieces take no longer than this share of the time that each worker has worked so far: an estimate from little
data is soon found wrong, and at little cost."""
_PIECES_PER_WORKER = 2
"""What is left is divided into this many pieces for each worker."""
_PATIENCE = 2.0
"""A piece is cut short after this many times the seconds that it should take."""
_TURN_SECONDS = 0.003
"""Where workers pay for their chunks in turn, each makes the shortest piece longer by this: what they pay, a
millisecond or two, is then at most half of the time."""


class ChunkPlan:
    """The chunks of one run that have not been begun, or those that have arrived. Not thread-safe."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        workers: int,
        fixed: bool = False,
        *,
        first: int | None = None,
        largest: int | None = None,
        given: int = 0,
        in_turn: bool = False,
        unknown_seconds: float | None = None,
        shortest_seconds: float | None = None,
        arrivals: Arrivals | None = None,
    ):
        """`fixed`: chunks are given out as they are and never cut short. `given`: the number of the first
        that is given out. `in_turn`: what a chunk costs beyond its items is paid by one worker at a
        time, as by threads, because of the GIL. `unknown_seconds`: after them a chunk is cut short as long as nothing
        is known of what a unit takes. `shortest_seconds`: pieces take no less, except the last. `arrivals`: what more
        chunks come from.

        For crews that cannot cut a chunk short: `first` is the size of a piece as long as nothing is known of
        the time it takes, `largest` is its largest size.
        """
        self._fixed = fixed
        self._first = first
        self._largest = largest
        self._workers = workers
        turns = min(_LONGEST_SECONDS / 2, _TURN_SECONDS * workers) if in_turn else 0.0
        self._shortest_seconds = max(shortest_seconds or _SHORTEST_SECONDS, turns)
        self._unknown_seconds = max(unknown_seconds or _UNKNOWN_SECONDS, 2 * turns)
        self._whole = deque(chunks)
        self._whole_size = self.size = sum(chunk.size for chunk in chunks)
        """The size of all chunks, in units of the source."""
        self._begun: list[Range] = []
        """A heap of ranges, all of which lie before the chunks that are whole."""
        self._paces: dict[int, Pace] = {}
        """The paces of the chunks that are being worked on, by their numbers."""
        self._pace = Pace()
        self.past_seconds = 0.0
        """Time worked by all workers together."""
        self._steady_seconds = 0.0
        """Time worked by all workers together, halved at each worker's death."""
        self._given = given
        self._arrivals = arrivals
        self._longest = 0 if arrivals is None else arrivals.longest
        """Chunks that have arrived are joined up to this size."""
        self.is_cut_off = False
        """Whether the run is to end with what it has begun: a budget is spent, or the rest of the input cannot be had."""

    @classmethod
    def of(cls, work: Work, workers: int, **how: Any) -> Self:
        """The plan of a run, which may have done a part of its work before."""
        how |= {"given": work.first_number, "arrivals": work.arrivals}
        return cls(work.chunks, workers, work.fixed, **how)

    @property
    def awaits(self) -> bool:
        """Whether there may be more chunks than have arrived so far."""
        return self._arrivals is not None

    def expected_size(self) -> float | None:
        """The size of all, in units of the source; None while that cannot be said."""
        return self.size if self._arrivals is None else self._arrivals.size()

    def add(self, chunk: Chunk) -> None:
        """One more has arrived, after all others; it becomes a part of the last if it follows that."""
        self.size += chunk.size
        self._whole_size += chunk.size
        if self._whole and self._whole[-1].stop == chunk.start:
            last = self._whole[-1]
            if last.size + chunk.size <= self._longest:
                self._whole[-1] = replace(last, stop=chunk.stop)
                return
        self._whole.append(chunk)

    def arrive(self) -> None:
        """Take up what has arrived. If no more can be had, nothing more is given out."""
        if self._arrivals is None:
            return
        new = self._arrivals.new()
        for chunk in new.chunks:
            self.add(chunk)
        self.is_cut_off = new.failed
        if new.ended:
            self._arrivals = None

    def cut_off(self, chunk: Chunk) -> None:
        """A budget is spent: nothing was done of a chunk, and nothing more is given out."""
        del self._paces[chunk.number]
        self.is_cut_off, self._arrivals = True, None

    def take(self) -> Chunk | None:
        """The next chunk, numbered in the order of being given out; None when none is left, or none yet."""
        arrivals = self._arrivals
        self.arrive()
        chunk = None if self.is_cut_off else self._taken()
        if arrivals is not None:
            arrivals.taken(self._whole[0].start if self._whole else None)
        return chunk

    def _taken(self) -> Chunk | None:
        if self._begun:
            waiting = heapq.heappop(self._begun)
        elif self._whole:
            whole = self._whole.popleft()
            waiting = Range(whole.start, whole.stop)
            self._whole_size -= waiting.size
        else:
            return None
        size = self._piece(waiting)
        if waiting.size <= 1.5 * size:
            size = waiting.size
        chunk = self.numbered(waiting.start, waiting.start + size, waiting.pace)
        if chunk.stop < waiting.stop:
            waiting.start = chunk.stop
            heapq.heappush(self._begun, waiting)
        return chunk

    def numbered(self, start: int, stop: int, pace: Pace | None = None) -> Chunk:
        """A chunk, with a number of its own, of a range that `take` has given out before and that was not done."""
        chunk = Chunk(self._given, start, stop)
        self._given += 1
        self._paces[chunk.number] = pace or Pace()
        return chunk

    def lost(self, chunk: Chunk) -> None:
        """The worker that had a chunk died, and nothing of it was done."""
        del self._paces[chunk.number]
        # The more often that happens, the less should be lost each time.
        self._steady_seconds /= 2

    def seconds(self, chunk: Chunk) -> float:
        """After how many seconds of calls a chunk that was just taken is to be cut short."""
        if self._fixed:
            return math.inf
        unit = self._paces[chunk.number].or_else(self._pace)
        least = self._shortest_seconds if unit else self._unknown_seconds / _PATIENCE
        if self._workers == 1:  # nobody waits for the rest
            least = self._longest_seconds
        return _PATIENCE * max(least, unit * chunk.size)

    def expected_seconds(self, chunk: Chunk) -> float:
        """How long a chunk that was given out should take, as others were quick; 0 where nobody knows."""
        return self._paces[chunk.number].or_else(self._pace) * chunk.size

    def shared_by(self, workers: int) -> None:
        """So many take pieces from now on, or are about to."""
        self._workers = workers

    @property
    def outstanding(self) -> int:
        """How many chunks were given out and are not done: something may be left of them."""
        return len(self._paces)

    @property
    def unfinished(self) -> bool:
        """Whether anything is not done yet that may still be had."""
        left = (self._begun or self._whole) and not self.is_cut_off
        return bool(self.outstanding or left or self.awaits)

    def left_seconds(self) -> float:
        """How long one worker would take for what is not given out, as far as that has arrived."""
        begun = sum(part.size * part.pace.or_else(self._pace) for part in self._begun)
        return begun + self._whole_size * self._pace.or_else(self._pace)

    def left_units(self) -> int:
        """How much is not given out, as far as that has arrived, in units of the source."""
        return self._whole_size + sum(part.size for part in self._begun)

    def shortened(self, chunk: Chunk, stop: int) -> Chunk:
        """A chunk that was just taken, up to `stop`; the rest of it is given out again."""
        heapq.heappush(self._begun, Range(stop, chunk.stop, self._paces[chunk.number]))
        return replace(chunk, stop=stop)

    def done(self, chunk: Chunk, seconds: float, rest: Chunk | None) -> None:
        """A chunk took so many seconds up to the beginning of `rest`, which is given out again."""
        size = (chunk.stop if rest is None else rest.start) - chunk.start
        self.past_seconds += seconds
        self._steady_seconds += seconds
        self._pace.saw(size, seconds)
        self._paces.pop(chunk.number).saw(size, seconds)
        if rest is not None:
            heapq.heappush(self._begun, Range(rest.start, rest.stop, Pace(size, seconds, True)))

    @property
    def _longest_seconds(self) -> float:
        return max(_LONGEST_SECONDS, _LONGEST_SHARE * self._steady_seconds / self._workers)

    def _piece(self, waiting: Range) -> int:
        """How large the next piece of a range should be."""
        if self._fixed:
            return waiting.size
        if self._largest is not None:
            return self._largest
        unit = waiting.pace.or_else(self._pace)
        if not unit:
            return self._first or waiting.size
        if self._workers == 1:
            return max(1, round(self._longest_seconds / unit))
        left_seconds = waiting.size * unit + self.left_seconds()
        left_size = waiting.size + self.left_units()
        fair = left_seconds / (_PIECES_PER_WORKER * self._workers)
        past = _SHARE_OF_PAST * self.past_seconds / self._workers
        seconds = max(self._shortest_seconds, min(self._longest_seconds, fair, past))
        size = max(1, round(seconds / unit))
        return min(size, math.ceil(left_size / self._workers)) if waiting.pace.doubtful else size
