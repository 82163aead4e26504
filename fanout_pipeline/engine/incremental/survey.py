"""What the items of an input are: one pass over it that finds the key of each and a hash of what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy
import pyarrow

from fanout_pipeline.engine.incremental.pools import Pool
from fanout_pipeline.results.store.keys import GOOD, LEFT_OUT, Keys, as_array, keys_of, runs_of
from fanout_pipeline.sources.column_hash import row_hashes
from fanout_pipeline.sources.source import BadInput, BadItem, Chunk, Items, Source


@dataclass(frozen=True, slots=True)
class Survey:
    """The items of an input, as they are now."""

    source: Source
    """The input, which can be cut and read again."""
    chunks: tuple[tuple[Chunk, int], ...]
    """The ranges that it was read in, and the index of the first item of each."""
    keys: Keys
    """All items; those that are left out because another has the same key have none."""
    keep: tuple[str, ...]
    """The columns that are kept beside results."""
    has_own_key: bool
    """Whether the key is no column of the input, so that results have a column `key`."""

    def kept(self, start: int, stop: int) -> pyarrow.Table:
        """The columns that results have beside `result`, of items from one index up to another."""
        columns = {"key": self.keys.key.slice(start, stop - start)} if self.has_own_key else {}
        if not self.keep:
            return pyarrow.table(columns)
        tables = [
            self.source.read(chunk)
            .as_arrow(self.keep)
            .slice(max(0, start - first), stop - max(first, start))
            for chunk, first, count in self._counted()
            if first < stop and start < first + count
        ]
        try:
            table = pyarrow.concat_tables(tables, promote_options="permissive")
        except pyarrow.ArrowException as error:
            raise BadInput(f"Not every value of a column is of its type: {error}") from None
        for name, column in columns.items():
            table = table.add_column(0, name, column)
        return table

    def picked(self, called: numpy.ndarray) -> Iterator[tuple[Items, numpy.ndarray]]:
        """The items of each range that has some of those at ascending positions, and which of them these are."""
        for chunk, first, count in self._counted():
            begin, end = numpy.searchsorted(called, [first, first + count])
            if begin < end:
                yield self.source.read(chunk), called[begin:end] - first

    def _counted(self) -> Iterator[tuple[Chunk, int, int]]:
        ends = [*(first for _, first in self.chunks[1:]), self.keys.size]
        for (chunk, first), end in zip(self.chunks, ends, strict=True):
            yield chunk, first, end - first


def survey_of(
    source: Source,
    chunks: Sequence[Chunk],
    key: str | Callable[[Any], Any],
    keep: tuple[str, ...],
    known: Sequence[Pool],
) -> Survey:
    """Read an input through, but for what is `known` by a stamp. Raises BadInput for an item without a key."""
    found: list[Keys] = []
    read: list[tuple[Chunk, int]] = []
    index = 0
    for chunk in chunks:
        items = source.read(chunk)
        if not len(items):
            continue
        try:
            found.append(_looked_at(source, items, index, key, keep, known))
        except BadItem as error:
            raise error.at(source.locate(index + error.position)) from error
        read.append((chunk, index))
        index += len(items)
    whole = _joined(found)
    has_own_key = not isinstance(key, str) or key not in keep
    return Survey(source, tuple(read), whole, keep, has_own_key)


def _looked_at(
    source: Source,
    items: Items,
    first: int,
    key: str | Callable[[Any], Any],
    keep: tuple[str, ...],
    known: Sequence[Pool],
) -> Keys:
    """The items of one chunk. Raises BadItem."""
    keys, stamps = items.keys(key), items.stamps()
    kept = row_hashes(items.as_arrow(keep), plain=False) if keep else None
    if stamps is None:
        return keys_of(keys, items.contents(), kept)
    return keys_of(keys, _contents_by_stamp(source, first, keys, stamps, known), kept, stamps)


def _joined(found: Sequence[Keys]) -> Keys:
    if not found:
        return keys_of(pyarrow.array([], pyarrow.large_string()))
    key = pyarrow.concat_arrays([one.key for one in found])
    return Keys(key, *map(numpy.concatenate, zip(*(one[1:] for one in found), strict=True)))


def _contents_by_stamp(
    source: Source, first: int, keys: pyarrow.Array, stamps: numpy.ndarray, known: Sequence[Pool]
) -> numpy.ndarray:
    """The contents of items of a source whose unit is one item; those with a known stamp as they were then."""
    from fanout_pipeline.engine.incremental.decision import places

    contents, is_new = numpy.zeros(len(stamps), numpy.uint64), numpy.ones(len(stamps), bool)
    for pool in known:
        at = places(keys, pool.keys.key)
        same = is_new & (at >= 0)
        same[same] = pool.keys.stamp[at[same]] == stamps[same]
        contents[same] = pool.keys.content[at[same]]
        is_new &= ~same
    for start, stop in runs_of(numpy.flatnonzero(is_new)):
        contents[start:stop] = source.read(Chunk(0, first + start, first + stop)).contents()
    return contents


def without_duplicates(
    survey: Survey, was_at: numpy.ndarray, duplicates: Literal["error", "once"]
) -> Survey:
    """The same where all but the first of the items with the same key are left out.

    `was_at`: see `decide`; those that are left out are nowhere afterwards. Raises BadInput where duplicates are errors.
    """
    keys = survey.keys
    again = _later(was_at)
    new = keys.key.filter(as_array(was_at < 0))
    # Nothing is known of them, but they may be those of items that have moved.
    codes = pyarrow.compute.index_in(keys.key, value_set=new.drop_null().unique()).fill_null(-1)
    codes = codes.to_numpy(zero_copy_only=False)
    again |= _later(codes)
    if not again.any():
        return survey
    if duplicates == "error":
        index = int(numpy.flatnonzero(again)[0])
        before = pyarrow.compute.index(keys.key, keys.key[index]).as_py()
        raise BadInput(
            f"{survey.source.locate(before)} and {survey.source.locate(index)} have the same key, "
            f'{keys.key[index].as_py()!r}. Make keys unique, name a key that is, or say duplicates="once": the first '
            "of them counts."
        )
    # One that is left out may be where the first of them was.
    moved = again & (was_at >= 0) & (codes >= 0)
    found, firsts = numpy.unique(codes, return_index=True)
    was_at[firsts[numpy.searchsorted(found, codes[moved])]] = was_at[moved]
    was_at[again] = -1
    key = pyarrow.compute.if_else(as_array(~again), keys.key, pyarrow.scalar(None, keys.key.type))
    status = numpy.where(again, LEFT_OUT, GOOD).astype(numpy.int8)
    return replace(survey, keys=keys._replace(key=key, status=status, has_row=~again))


def _later(numbers: numpy.ndarray) -> numpy.ndarray:
    """Which of the numbers that are not negative are the same as one before."""
    order = numpy.argsort(numbers, kind="stable")
    same = numpy.zeros(len(numbers), bool)
    if len(numbers):
        same[order[1:]] = numbers[order[1:]] == numbers[order[:-1]]
    return same & (numbers >= 0)
