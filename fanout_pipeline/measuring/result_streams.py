"""Result folders as streams of hashed results, walked side by side in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.measuring.nearness import DIFFERENT, difference, differences, has_floats
from fanout_pipeline.results.failures import failed_indexes
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.digest import combined, digest, value_hashes
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.types.kinds import Kind


@dataclass(frozen=True, slots=True)
class Compared:
    """The results of a folder that are compared: all but those of some items."""

    snapshot: Snapshot
    without: numpy.ndarray
    """Indexes of items, ascending."""
    rows: int
    """How many results are compared."""

    @property
    def has_floats(self) -> bool:
        return has_floats(self.snapshot.manifest.kind)


def compared(*folders: Path | Snapshot) -> list[Compared]:
    """Result folders, of one moment each, without the items that failed in one and not in another.

    A call may fail by chance, or for taking too long where there is a limit: such an item has
    failed, and is told so; its result, where there is one, is not wrong for that.
    """
    snapshots = [Snapshot.of(folder) for folder in folders]
    failed = [failed_indexes(snapshot) for snapshot in snapshots]
    without = failed[0][:0]
    if not all(numpy.array_equal(failed[0], one) for one in failed):
        without = numpy.unique(numpy.concatenate(failed))
    sides = []
    for snapshot, own in zip(snapshots, failed, strict=True):
        manifest = snapshot.manifest
        omitted = len(own) if manifest.rows < manifest.items else 0
        left_out = len(without) - omitted if len(without) else 0
        sides.append(Compared(snapshot, without, manifest.rows - left_out))
    return sides


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive results: their hashes, the items' indexes, and the column to show them from."""

    hashes: numpy.ndarray
    index: numpy.ndarray
    column: pyarrow.Array
    kind: Kind
    has_floats: bool

    def cut(self, start: int, stop: int) -> Block:
        return replace(
            self,
            hashes=self.hashes[start:stop],
            index=self.index[start:stop],
            column=self.column[start:stop],
        )

    def only(self, keep: numpy.ndarray) -> Block:
        """Those where `keep` is True."""
        if keep.all():
            return self
        column = self.column.filter(pyarrow.array(keep))
        return replace(self, hashes=self.hashes[keep], index=self.index[keep], column=column)

    def value(self, position: int) -> str:
        return short_repr(self.values(numpy.array([position]))[0])

    def values(self, positions: numpy.ndarray) -> list[Any]:
        return to_python(self.column.take(pyarrow.array(positions)), self.kind)


@dataclass(frozen=True, slots=True)
class Finding:
    """One result that is not as it should be."""

    index: int
    """Of the item, for what is lost; else what the results call its index."""
    value: str
    position: int = field(default=-1, compare=False)
    """Among the results that are compared."""


def blocks(side: Compared) -> Iterator[Block]:
    """The compared results of a folder; all are checked against its manifest as they are read.

    Raises NoResults where the indexes do not count up (but for failed items that were left out) or
    the digest is another.
    """
    snapshot = side.snapshot
    position = 0
    digests = []
    gaps = snapshot.manifest.rows < snapshot.manifest.items
    floats = side.has_floats
    for batch in snapshot.batches():
        column = batch["result"]
        index = batch["index"].to_numpy()
        if gaps:
            # The digest covers the indexes, but not the order of the rows.
            counts_up = bool((numpy.diff(index, prepend=position - 1) > 0).all())
        else:
            expected = numpy.arange(position, position + len(column))
            counts_up = numpy.array_equal(index, expected)
        if not counts_up:
            raise NoResults(
                f"{snapshot.folder}: the indexes do not count up from {position}: materialize it again."
            )
        hashes = value_hashes(column, snapshot.manifest.kind)
        digests.append(digest(hashes, position, index if gaps else None))
        position = int(index[-1]) + 1 if len(index) else position
        block = Block(hashes, index, column, snapshot.manifest.kind, floats)
        if len(side.without):
            keep = ~numpy.isin(index, side.without, assume_unique=True)
            block = block.only(keep)
        yield block
    recorded = snapshot.manifest.digest
    if combined(digests) != recorded:
        raise NoResults(
            f"{snapshot.folder} does not hold what its manifest says (digest {combined(digests)}, not "
            f"{recorded}): materialize it again."
        )


def pairs(one: Iterator[Block], other: Iterator[Block]) -> Iterator[tuple[Block, Block]]:
    """Both streams in blocks of equal length, up to the end of the shorter."""
    a, b = next(one, None), next(other, None)
    while a is not None and b is not None:
        length = min(len(a.hashes), len(b.hashes))
        yield a.cut(0, length), b.cut(0, length)
        a = a.cut(length, len(a.hashes)) if length < len(a.hashes) else next(one, None)
        b = b.cut(length, len(b.hashes)) if length < len(b.hashes) else next(other, None)


def differing(one: Block, other: Block) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Where two blocks of equal length differ, and by how much (see `nearness`)."""
    at = numpy.flatnonzero(one.hashes != other.hashes)
    if not one.has_floats or not other.has_floats or not len(at):
        return at, numpy.full(len(at), DIFFERENT)
    columns = [block.column.take(pyarrow.array(at)) for block in (one, other)]
    if all(column.type == pyarrow.float64() and not column.null_count for column in columns):
        apart = differences(*(column.to_numpy() for column in columns))
    else:
        found = map(difference, one.values(at), other.values(at))
        apart = numpy.fromiter(found, numpy.float64, len(at))
    return at[apart > 0], apart[apart > 0]


def matched(
    blocks: Iterator[Block], keep: dict[int, int], left: Callable[[int, Finding], None]
) -> Iterator[Block]:
    """The stream without the results that have no match: the last ones of each hash in `keep`."""
    unmatched = numpy.fromiter(keep, numpy.uint64, len(keep))
    position = 0
    for block in blocks:
        stay = numpy.ones(len(block.hashes), bool)
        for at in numpy.flatnonzero(numpy.isin(block.hashes, unmatched)).tolist():
            hashed = int(block.hashes[at])
            if keep[hashed]:
                keep[hashed] -= 1
            else:
                stay[at] = False
                left(hashed, Finding(int(block.index[at]), block.value(at), position + at))
        position += len(block.hashes)
        yield block.only(stay)
