"""The items of one chunk, which is a range of a source.

A chunk is a descriptor of a few numbers. It travels to the workers; the data does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.bad_input import BadInput, Unreadable

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow

ITEM = "item"
"""What names the item itself, where that has no columns."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous run of items, as a range of the source in the source's own unit: bytes, rows, keys.

    A range may be cut at any integer. An item belongs to the range in which it begins.
    """

    number: int
    """Position among the chunks, from 0."""
    start: int
    stop: int
    """The first unit after the range."""

    @property
    def size(self) -> int:
        return self.stop - self.start


class Items(Sequence[Any]):
    """The items of one chunk. In the place of each that cannot be read there is an Unreadable."""

    def __init__(
        self,
        chunk: Chunk,
        values: Sequence[Any],
        *,
        first_index: int | None = None,
        starts: Sequence[int] | None = None,
    ):
        """`first_index`: how many items of the source come before these. `starts`: the unit at which each begins.

        Without them each unit of the source is one item.
        """
        self.chunk = chunk
        self._first_index = chunk.start if first_index is None else first_index
        self._values = values
        self._starts = starts

    @property
    def first_index(self) -> int:
        """Index in the whole source of the first of these."""
        return self._first_index

    @property
    def values(self) -> Sequence[Any]:
        return self._values

    @cached_property
    def unreadable(self) -> Mapping[int, Unreadable]:
        """Those that cannot be read, by their positions, ascending."""
        return {n: item for n, item in enumerate(self.values) if type(item) is Unreadable}

    def pieces(self) -> Iterator[Items]:
        """The same in order, as many at a time as are best made Python objects before they are called."""
        yield self

    def rest(self, items: int) -> Chunk:
        """The range that is left after so many items, fewer than there are."""
        start = self.chunk.start + items if self._starts is None else self._starts[items]
        return replace(self.chunk, start=start)

    def readable(self) -> Sequence[Any]:
        if not self.unreadable:
            return self.values
        return [item for item in self.values if type(item) is not Unreadable]

    def as_batch(self) -> pandas.Series | pandas.DataFrame:
        """Those that can be read, for functions that take a whole batch: a DataFrame where all are dicts."""
        from fanout_pipeline.sources.rows import frame_or_series

        return frame_or_series(self.readable())

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """All of them, a row each: these columns, or all; null where an item cannot be read.

        There is a column for each key of items that are dicts, or one named `item`. A source with columns
        reaches those that it does not give the function, too.
        """
        from fanout_pipeline.sources.arrow_table import table_of

        items = [None if type(item) is Unreadable else item for item in self.values]
        try:
            return table_of(items, columns)
        except ValueError as error:
            raise BadInput(f"Not every value of a column is of its type: {error}") from None

    def column(self, name: str) -> Sequence[Any] | pyarrow.ChunkedArray:
        """The values of a column, passed to the function or not, one an item; None where there is none.

        `item` names the items themselves where they are no dicts.
        """
        if type(self).as_arrow is not Items.as_arrow:
            return self.as_arrow([name]).column(0)
        return [value_in(item, name) for item in self.values]

    def keys(self, key: str | Callable[[Any], Any]) -> pyarrow.LargeStringArray:
        """What identifies each item across runs, as text: a column, or what a function makes of the item.

        Null only where an item cannot be read. Raises keys.NoKey where another has none.
        """
        from fanout_pipeline.sources.keys import keys_of

        return keys_of(key, self.column, self, self.unreadable)

    def contents(self) -> numpy.ndarray:
        """A uint64 an item: the hash of what the function is given, the same in every run and process.

        Different, up to chance, where values or their types differ. Raises BadItem.
        """
        from fanout_pipeline.sources.contents import item_hashes

        return item_hashes(self.values, self.unreadable)

    def as_rows(self) -> tuple[pyarrow.Table, bool] | None:
        """The table whose rows are items, and whether these are the values of its only column; None of others."""
        return None

    def stamps(self) -> numpy.ndarray | None:
        """A uint64 an item that changes when its content does, and is had without reading it; None without such."""
        return None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, position: Any) -> Any:
        return self.values[position]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)


def value_in(item: Any, column: str) -> Any:
    """What a column has of an item; None where there is none."""
    if isinstance(item, dict):
        return item.get(column)
    return item if column == ITEM and type(item) is not Unreadable else None
