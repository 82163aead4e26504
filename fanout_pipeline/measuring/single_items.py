"""Some items of a source, and their results, by their indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy

from fanout_pipeline.engine.run import default_chunks
from fanout_pipeline.measuring.result_streams import blocks, compared
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.sources.source import Source, Unreadable


def items_at(source: Source, indexes: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """Index and item for each of these indexes, which ascend, that can be read; parsed chunk by chunk."""
    left = iter(indexes)
    index = next(left, None)
    first = 0
    for chunk in source.chunks(default_chunks(source, source.version().size, 1)):
        if index is None:
            return
        items = source.read(chunk)
        stop = first + len(items)
        while index is not None and index < stop:
            item = items[index - first]
            if type(item) is not Unreadable:  # It is in quarantine.
                yield index, item
            index = next(left, None)
        first = stop


def results_at(snapshot: Snapshot, indexes: Iterable[int]) -> dict[int, Any]:
    """The results of these items, of those that have any."""
    wanted = numpy.fromiter(indexes, numpy.int64)
    (side,) = compared(snapshot)
    found: dict[int, Any] = {}
    for block in blocks(side):
        at = numpy.flatnonzero(numpy.isin(block.index, wanted))
        found.update(zip(block.index[at].tolist(), block.values(at), strict=True))
    return found
