"""The records of one chunk of CSV as items, parsed when they are asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.csv_pieces import Piece, table
from fanout_pipeline.sources.csv_records import find, is_plain
from fanout_pipeline.sources.csv_table import Layout, Table, columns_of, numbered
from fanout_pipeline.sources.source import ITEM, BadInput, Chunk, Items, Unreadable

if TYPE_CHECKING:
    import pandas
    import pyarrow


class CsvItems(Items):
    """The records of one chunk, parsed when they are asked for."""

    def __init__(
        self,
        chunk: Chunk,
        pieces: Sequence[Piece],
        layout: Layout,
        before: Callable[[int], int],
        locate: Callable[[int], str],
    ):
        """`before`: how many items begin before an offset of the source. `locate`: that of the source."""
        super().__init__(chunk, ())
        self._pieces = pieces
        self._layout = layout
        self._before = before
        self._locate = locate

    @cached_property
    def first_index(self) -> int:
        return self._before(self.chunk.start)

    @cached_property
    def _tables(self) -> list[Table]:
        return [table(piece, self._layout) for piece in self._pieces]

    @cached_property
    def _firsts(self) -> list[int]:
        """The position of each piece's first record, and how many there are in all."""
        return list(accumulate(map(len, self._tables), initial=0))

    @cached_property
    def values(self) -> Sequence[Any]:
        if len(self._tables) == 1:
            return self._tables[0]
        rows = [row for one in self._tables for row in one.fields()]
        return Table(self._layout, rows, self.unreadable)

    @cached_property
    def unreadable(self) -> Mapping[int, Unreadable]:
        return {
            start + row: record
            for start, one in numbered(self._tables)
            for row, record in one.odd.items()
        }

    def rest(self, items: int) -> Chunk:
        number = bisect_right(self._firsts, items) - 1
        piece, left = self._pieces[number], items - self._firsts[number]
        if is_plain(piece.raw, self._layout.dialect):
            position = len(piece.raw) - len(piece.raw.split(b"\n", left)[-1])
        else:
            position = find(piece.raw, self._layout.dialect).starts[left]
        return replace(self.chunk, start=piece.offset + position)

    def as_batch(self) -> pandas.Series | pandas.DataFrame:
        """A DataFrame; a Series of plain values. What has no type of its own is of pandas' text type."""
        import pandas

        series = {
            name: pandas.Series(column, dtype=None if name in self._layout.types else "str")
            for name, column in columns_of(self._tables, self._layout).items()
        }
        if self._layout.is_plain:
            [only] = series.values()
            return only
        return pandas.DataFrame(series)

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Columns, passed or not, of all items in order: a row of nulls for each that cannot be read."""
        import pyarrow

        names = self._layout.names if columns is None else tuple(columns)
        found = self._found(names)
        kinds = {name: None if name in self._layout.types else pyarrow.string() for name in names}
        arrays = {}
        for name in names:
            try:
                arrays[name] = pyarrow.array(found[name], kinds[name], from_pandas=False)
            except (pyarrow.ArrowException, OverflowError) as error:
                raise BadInput(
                    f"Not every value of the column {name!r} is of its type: {error}"
                ) from None
        return pyarrow.table(arrays)

    def column(self, name: str) -> Sequence[Any]:
        if name == ITEM and self._layout.is_plain and ITEM not in self._layout.header:
            return [None if type(item) is Unreadable else item for item in self.values]
        return self._found((name,))[name]

    def _found(self, names: tuple[str, ...]) -> dict[str, list[Any]]:
        """The values of columns, passed or not, of all items: None where one cannot be read."""
        layout = replace(self._layout, names=names, is_plain=False)
        tables = [table(piece, layout) for piece in self._pieces] if names else []
        for start, one in numbered(tables):
            for row, record in one.odd.items():
                if start + row not in self.unreadable:  # in a column that is not passed
                    raise record.at(self._locate(self.first_index + start + row))
        return columns_of(tables, layout, self.unreadable)

    def __len__(self) -> int:
        return self._firsts[-1]
