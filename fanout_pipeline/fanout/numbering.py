"""The index of each chunk's first item, without a pass over the input of its own.

Chunks are cut by bytes, so how many items lie before a chunk is known only when all earlier
chunks have been counted. A worker counts its chunk as soon as it has read it (a newline count, a
few percent of parsing), goes on working, and asks for the first index when it is about to write.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from fanout_pipeline.parts.atomic import write_text
from fanout_pipeline.sources.source import Chunk, Source


class Numbering(Protocol):
    """What a chunk's worker needs of it."""

    def counted(self, chunk: Chunk, items: int) -> None:
        """Say how many items a chunk holds."""

    def first_index(self, chunk: Chunk) -> int:
        """The index of the chunk's first item; waits until it is known."""


class Stopped(Exception):
    """The run has failed elsewhere; what waits for it gives up."""


class RunningCount:
    """First indexes, as counts come in in any order. Not thread-safe."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._next_chunk = 0
        self._next_index = 0

    def add(self, number: int, items: int) -> list[tuple[int, int]]:
        """The (chunk number, first index) pairs that this count makes known."""
        self._counts[number] = items
        known = []
        while self._next_chunk in self._counts:
            known.append((self._next_chunk, self._next_index))
            self._next_index += self._counts.pop(self._next_chunk)
            self._next_chunk += 1
        return known


class ThreadNumbering:
    """For chunks that run in threads of one process (one thread, too).

    Chunks must be begun in order, or one could wait for a count that never comes.
    """

    def __init__(self) -> None:
        self._running = RunningCount()
        self._known: dict[int, int] = {}
        self._stopped = False
        self._changed = threading.Condition()

    def counted(self, chunk: Chunk, items: int) -> None:
        with self._changed:
            self._known.update(self._running.add(chunk.number, items))
            self._changed.notify_all()

    def first_index(self, chunk: Chunk) -> int:
        with self._changed:
            self._changed.wait_for(lambda: chunk.number in self._known or self._stopped)
            if chunk.number not in self._known:
                raise Stopped
            return self._known[chunk.number]

    def stop(self) -> None:
        """Wake everyone that waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class FolderNumbering:
    """For chunks that run in processes with nothing in common but a folder, in any order.

    Each count is a small file. Counts that are not there yet are counted here: reading bytes
    and counting newlines is cheap beside waiting for a step that has not begun.
    """

    def __init__(self, folder: Path, source: Source, chunks: tuple[Chunk, ...]):
        self._folder = folder
        self._source = source
        self._chunks = chunks

    def counted(self, chunk: Chunk, items: int) -> None:
        write_text(self._count_file(chunk), str(items), durable=False)

    def first_index(self, chunk: Chunk) -> int:
        return sum(map(self._count, self._chunks[: chunk.number]))

    def _count(self, chunk: Chunk) -> int:
        try:
            return int(self._count_file(chunk).read_text())
        except FileNotFoundError:
            items = self._source.count(self._source.load(chunk))
            self.counted(chunk, items)
            return items

    def _count_file(self, chunk: Chunk) -> Path:
        return self._folder / f"count-{chunk.number:05d}"
