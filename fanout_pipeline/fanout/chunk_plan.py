"""Which chunk is worked on next, and for how long: sizes chosen from bytes and measured time.

Chunks begin as large as memory allows, because each costs about a millisecond. One that takes longer
than it should is cut short by its worker and the rest is given out anew, in pieces by the time that
a byte has taken so far. Towards the end the pieces become smaller ("guided self-scheduling",
Polychronopoulos and Kuck 1987), so that no worker is late by much. Pieces are given out in the
order of the input.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from fanout_pipeline.sources.source import Chunk

_UNKNOWN_SECONDS = 0.25
"""A chunk is cut short after this, as long as nothing is known of what a byte takes."""
_LONGEST_SECONDS = 1.0
"""Pieces are made no longer than this: progress is seen, and no worker is late by more."""
_SHORTEST_SECONDS = 0.02
"""Nor shorter: what a chunk costs beyond its items is then under 5 % of it."""
_PIECES_PER_WORKER = 2
"""What is left is seen as so many pieces for each worker."""


class ChunkPlan:
    """The chunks of one run that have not been begun. Not thread-safe."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        workers: int,
        fixed: bool = False,
        *,
        first: int | None = None,
        largest: int | None = None,
    ):
        """With `fixed`, chunks are given out as they are and never cut short.

        For crews that cannot cut a chunk short: the size of a piece as long as nothing is known of
        the time it takes, and its size at most.
        """
        self._first = first
        self._fixed = fixed
        self._largest = largest
        self._workers = workers
        self._waiting = [(chunk.start, chunk.stop) for chunk in chunks]
        heapq.heapify(self._waiting)
        self._left = self.size = sum(stop - start for start, stop in self._waiting)
        """In units of the source: bytes, if it is a text file."""
        self._given = 0
        self._done_size = 0
        self._done_seconds = 0.0

    def take(self) -> Chunk | None:
        """The next chunk, numbered in the order of giving out; None when none is left to begin."""
        if not self._waiting:
            return None
        start, stop = heapq.heappop(self._waiting)
        size = self._piece()
        if size is not None and stop - start > 1.5 * size:
            heapq.heappush(self._waiting, (start + size, stop))
            stop = start + size
        self._left -= stop - start
        self._given += 1
        return Chunk(self._given - 1, start, stop)

    def seconds(self, chunk: Chunk) -> float:
        """After how many seconds of calling the function a chunk is to be cut short."""
        if self._fixed:
            return float("inf")
        if not self._done_seconds:
            return _UNKNOWN_SECONDS
        return max(_UNKNOWN_SECONDS, 2 * (chunk.stop - chunk.start) / self._rate)

    def done(self, chunk: Chunk, seconds: float, rest: Chunk | None) -> None:
        """A chunk took so many seconds, up to where `rest` begins, which is given out anew."""
        stop = chunk.stop if rest is None else rest.start
        self._done_size += stop - chunk.start
        self._done_seconds += seconds
        if rest is not None:
            heapq.heappush(self._waiting, (rest.start, rest.stop))
            self._left += rest.stop - rest.start

    def _piece(self) -> int | None:
        """How large the next piece should be; None if it may be as large as it is."""
        if self._fixed:
            return None
        if self._largest is not None:
            return self._largest
        if not self._done_seconds or not self._done_size:
            return self._first
        longest, shortest = self._rate * _LONGEST_SECONDS, self._rate * _SHORTEST_SECONDS
        fair = longest if self._workers == 1 else self._left / (_PIECES_PER_WORKER * self._workers)
        return max(1, round(min(longest, max(shortest, fair))))

    @property
    def _rate(self) -> float:
        return self._done_size / self._done_seconds
