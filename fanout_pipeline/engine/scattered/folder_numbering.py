"""Numbering for chunks that run in processes with nothing in common but a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from fanout_pipeline.engine.scheduling.gaps import gaps
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Finished
from fanout_pipeline.sources.source import Chunk, Source

_COUNT = re.compile(r"_count-(\d+)-(\d+)-(\d+)")
_COUNTED_BYTES = 8 * 2**20


class _Counted(NamedTuple):
    start: int
    stop: int
    items: int


class FolderNumbering:
    """Chunks may be begun in any order.

    Each count is the name of a file. What is not counted yet is counted here: reading bytes
    and counting newlines is cheap beside waiting for a step that has not begun. Chunks of an earlier
    run, `finished`, are counted already.
    """

    def __init__(self, generation: Generation, source: Source, finished: Iterable[Finished] = ()):
        self._generation = generation
        self._source = source
        self._finished = [_Counted(one.start, one.stop, one.part.items) for one in finished]

    def counted(self, chunk: Chunk, items: int) -> None:
        self._generation.append(f"_count-{chunk.start}-{chunk.stop}-{items}", "")

    def first_index(self, chunk: Chunk) -> int:
        known = self._known_before(chunk.start)
        left = gaps([(0, chunk.start)], known)
        return sum(one.items for one in known) + sum(self._count(*gap) for gap in left)

    def _known_before(self, stop: int) -> list[_Counted]:
        """In order; no two overlap."""
        files = (_COUNT.fullmatch(name) for name in self._generation.names())
        found = [*self._finished, *(_Counted(*map(int, file.groups())) for file in files if file)]
        known: list[_Counted] = []
        for one in sorted(found):
            if one.stop <= stop and (not known or known[-1].stop <= one.start):
                known.append(one)
        return known

    def _count(self, start: int, stop: int) -> int:
        """Not all at once, for it is read to be counted."""
        items = 0
        for begun in range(start, stop, _COUNTED_BYTES):
            piece = Chunk(0, begun, min(stop, begun + _COUNTED_BYTES))
            found = self._source.count(self._source.load(piece))
            self.counted(piece, found)
            items += found
        return items
