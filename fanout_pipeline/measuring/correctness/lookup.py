"""Single items of a source, and their results, by index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy

from fanout_pipeline.engine.intake import default_chunks
from fanout_pipeline.measuring.correctness.result_streams import sides
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.sources.source import BadInput, Source, Unreadable
from fanout_pipeline.sources.spool.settled import settled


def items_at(
    source: Source, indexes: Iterable[int], manifest: Manifest
) -> Iterator[tuple[int, Any]]:
    """Each of these ascending indexes with its item, where that can be read; parsed chunk by chunk.

    Raises BadInput where a source that has to be spooled gives something else than the results were made of.
    """
    with TemporaryDirectory(prefix="fanout-") as folder, settled(source, Path(folder)) as found:
        if found is not source and found.examine().hash != manifest.source.get("sha256"):
            raise BadInput(
                f"{source} gives something else than it gave the run, so these results can no longer be "
                "checked against it. Materialize the asset again."
            )
        yield from _items_at(found, indexes)


def _items_at(source: Source, indexes: Iterable[int]) -> Iterator[tuple[int, Any]]:
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


def results_at(snapshot: Snapshot, indexes: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """Each of these ascending indexes with its result, where there is one; read block by block."""
    left = iter(indexes)
    index = next(left, None)
    (side,) = sides(snapshot)
    for block in side.blocks():
        wanted = []
        while index is not None and len(block.index) and index <= block.index[-1]:
            wanted.append(index)
            index = next(left, None)
        at = numpy.flatnonzero(numpy.isin(block.index, wanted)) if wanted else block.index[:0]
        yield from zip(block.index[at].tolist(), block.values(at), strict=True)
