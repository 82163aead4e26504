"""Result folders as streams of hashed results, read side by side in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.measuring.correctness.differences import (
    DIFFERENT,
    difference,
    differences,
    has_floats,
)
from fanout_pipeline.results.failures import failed_indexes
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.digest import combined, digest, value_hashes
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline.results.store.part_file import result_of
from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.types.kinds import Kind


@dataclass(frozen=True, slots=True)
class Finding:
    """One result that is not as it should be."""

    index: int
    """The item's index where the result is lost, else the index that the results give it."""
    value: str
    position: int = field(default=-1, compare=False)
    """The place among the results that are compared."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive results of one folder."""

    hashes: numpy.ndarray
    index: numpy.ndarray
    """The index of each result's item."""
    column: pyarrow.Array
    """The results themselves."""
    kind: Kind
    """The kind of the results, by which values are read."""
    has_floats: bool

    def cut(self, start: int, stop: int) -> Block:
        return replace(
            self,
            hashes=self.hashes[start:stop],
            index=self.index[start:stop],
            column=self.column[start:stop],
        )

    def only(self, keep: numpy.ndarray) -> Block:
        """The results where `keep` is True."""
        if keep.all():
            return self
        column = self.column.filter(pyarrow.array(keep))
        return replace(self, hashes=self.hashes[keep], index=self.index[keep], column=column)

    def finding(self, at: int, position: int = -1) -> Finding:
        return Finding(int(self.index[at]), self.text(at), position)

    def text(self, at: int) -> str:
        """A result in short form."""
        return short_repr(self.values(numpy.array([at]))[0])

    def values(self, positions: numpy.ndarray) -> list[Any]:
        return to_python(self.column.take(pyarrow.array(positions)), self.kind)


@dataclass(frozen=True, slots=True)
class Side:
    """The results of one folder that take part in a comparison."""

    snapshot: Snapshot
    without: numpy.ndarray
    """Indexes of the items that are left out, ascending."""
    rows: int
    """How many results are compared."""

    @property
    def has_floats(self) -> bool:
        return has_floats(self.snapshot.manifest.kind)

    def blocks(self) -> Iterator[Block]:
        """The results, checked against the folder's manifest while they are read.

        Raises NoResults where the indexes do not ascend as they should, or the digest differs.
        """
        snapshot, manifest = self.snapshot, self.snapshot.manifest
        gaps = manifest.rows < manifest.items
        floats = self.has_floats
        position = 0
        digests = []
        for batch in snapshot.batches():
            column = result_of(batch, manifest)
            index = batch["index"].to_numpy()
            if gaps:
                # The digest covers the indexes, but not the order of the rows.
                ascends = bool((numpy.diff(index, prepend=position - 1) > 0).all())
            else:
                ascends = numpy.array_equal(index, numpy.arange(position, position + len(column)))
            if not ascends:
                raise NoResults(
                    f"{snapshot.folder}: the indexes do not count up from {position}: "
                    "materialize it again."
                )
            hashes = value_hashes(column, manifest.kind)
            digests.append(digest(hashes, position, index if gaps else None))
            position = int(index[-1]) + 1 if len(index) else position
            block = Block(hashes, index, column, manifest.kind, floats)
            if len(self.without):
                block = block.only(~numpy.isin(index, self.without, assume_unique=True))
            yield block
        if manifest.has_digest and combined(digests) != manifest.digest:
            raise NoResults(
                f"{snapshot.folder} does not hold what its manifest says (digest "
                f"{combined(digests)}, not {manifest.digest}): materialize it again."
            )


def sides(*folders: Path | Snapshot) -> list[Side]:
    """Result folders, each as of one moment, without items that failed in one folder but not in another.

    A call may fail by chance, or because it took too long where there is a limit: that makes the
    result of the other folder neither wrong nor superfluous.
    """
    snapshots = [Snapshot.of(folder) for folder in folders]
    failed = [failed_indexes(snapshot) for snapshot in snapshots]
    without = failed[0][:0]
    if not all(numpy.array_equal(failed[0], one) for one in failed):
        without = numpy.unique(numpy.concatenate(failed))
    found = []
    for snapshot, own in zip(snapshots, failed, strict=True):
        manifest = snapshot.manifest
        omitted = len(own) if manifest.rows < manifest.items else 0
        left_out = len(without) - omitted if len(without) else 0
        found.append(Side(snapshot, without, manifest.rows - left_out))
    return found


def paired_blocks(one: Iterator[Block], other: Iterator[Block]) -> Iterator[tuple[Block, Block]]:
    """Both streams in blocks of equal length, up to the end of the shorter stream."""
    a, b = next(one, None), next(other, None)
    while a is not None and b is not None:
        length = min(len(a.hashes), len(b.hashes))
        yield a.cut(0, length), b.cut(0, length)
        a = a.cut(length, len(a.hashes)) if length < len(a.hashes) else next(one, None)
        b = b.cut(length, len(b.hashes)) if length < len(b.hashes) else next(other, None)


def unequal(one: Block, other: Block) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Where two blocks of equal length differ, and by how much (see `differences`)."""
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


def without_surplus(
    blocks: Iterator[Block], keep: dict[int, int], left_out: Callable[[int, Finding], None]
) -> Iterator[Block]:
    """A stream with no more results of each hash in `keep` than it says; the last ones are left out."""
    limited = numpy.fromiter(keep, numpy.uint64, len(keep))
    position = 0
    for block in blocks:
        stay = numpy.ones(len(block.hashes), bool)
        for at in numpy.flatnonzero(numpy.isin(block.hashes, limited)).tolist():
            hashed = int(block.hashes[at])
            if keep[hashed]:
                keep[hashed] -= 1
            else:
                stay[at] = False
                left_out(hashed, block.finding(at, position + at))
        position += len(block.hashes)
        yield block.only(stay)
