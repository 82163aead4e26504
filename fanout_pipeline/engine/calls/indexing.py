"""The index of each chunk's first item, without a pass over the input of its own.

Chunks are cut by bytes, so how many items lie before a chunk is known only when all earlier
chunks have been counted. A worker counts its chunk as soon as it has read it (a newline count, a
few percent of parsing), goes on working, and asks for the first index when it is about to write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.sources.source import Chunk

if TYPE_CHECKING:
    from fanout_pipeline.results.store.ledger import Finished


class Numbering(Protocol):
    """What a chunk's worker needs of it."""

    def counted(self, chunk: Chunk, items: int) -> None:
        """Say how many items a chunk holds, or the piece of it that was done."""

    def first_index(self, chunk: Chunk) -> int:
        """The index of the chunk's first item; waits until it is known."""


class CountedRanges:
    """Which index each range of the input begins with, as ranges are counted in any order.

    A range may be counted as a whole first and in pieces later. Those of an earlier run,
    `finished`, are counted already. Not thread-safe.
    """

    def __init__(self, finished: Iterable[Finished] = ()) -> None:
        self._counted = {one.start: (one.stop, one.part.items) for one in finished}
        """From where a range starts to where it stops and how many items it has."""
        self._first = {0: 0}
        self._made_known(0)

    def add(self, chunk: Chunk, items: int) -> list[tuple[int, int]]:
        """Say that a chunk holds so many items; gives the (start, first index) that this makes known."""
        start, new = chunk.start, (chunk.stop, items)
        # Of two ranges that begin together the shorter stays, and the rest of the longer follows it.
        while (known := self._counted.get(start)) is not None and known[0] != new[0]:
            (stop, fewer), (new_stop, more) = sorted((known, new))
            self._counted[start] = (stop, fewer)
            start, new = stop, (new_stop, more - fewer)
        self._counted[start] = new
        return self._made_known(chunk.start)

    def first_index(self, chunk: Chunk) -> int | None:
        """None as long as something before the chunk is not counted."""
        return self._first.get(chunk.start)

    def _made_known(self, start: int) -> list[tuple[int, int]]:
        found = []
        while start in self._first and start in self._counted:
            stop, items = self._counted[start]
            if stop == start:  # an empty input
                break
            if stop not in self._first:
                self._first[stop] = self._first[start] + items
                found.append((stop, self._first[stop]))
            start = stop
        return found


class ThreadNumbering:
    """For chunks that run in threads of one process (one thread, too).

    Chunks must be begun in order, or one could wait for a count that never comes.
    """

    def __init__(self, finished: Iterable[Finished] = ()) -> None:
        self._ranges = CountedRanges(finished)
        self._stopped = False
        self._changed = threading.Condition()

    def counted(self, chunk: Chunk, items: int) -> None:
        with self._changed:
            self._ranges.add(chunk, items)
            self._changed.notify_all()

    def first_index(self, chunk: Chunk) -> int:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ranges.first_index(chunk) is not None or self._stopped
            )
            first_index = self._ranges.first_index(chunk)
            if first_index is None:
                raise Stopped
            return first_index

    def stop(self) -> None:
        """Wake everyone that waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
