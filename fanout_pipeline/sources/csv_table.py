"""Rows of CSV as Python values: dicts, or plain values where one column is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import itemgetter
from typing import Any

from fanout_pipeline.sources.csv_records import Dialect
from fanout_pipeline.sources.source import Unreadable

Convert = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a record become what."""

    header: tuple[str, ...]
    names: tuple[str, ...]
    """Those that are read."""
    types: Mapping[str, Convert]
    is_plain: bool
    """Whether the values of the one column are the items."""
    dialect: Dialect

    @property
    def pick(self) -> Callable[[Any], Any]:
        """Makes of a whole record the fields that are read, a tuple, or the plain value."""
        positions = [self.header.index(name) for name in self.names]
        if self.is_plain:
            return itemgetter(*positions)
        if positions == list(range(len(self.header))):
            return tuple
        if len(positions) == 1:
            [position] = positions
            return lambda row: (row[position],)
        return itemgetter(*positions)


class Table(Sequence[Any]):
    """Rows as tuples, or as lines to be split; each is made a dict when its turn comes, and still in a core's cache."""

    def __init__(
        self,
        layout: Layout,
        rows: Sequence[Any],
        odd: Mapping[int, Unreadable],
        split: Callable[[Iterable[Any]], Iterator[Any]] | None = None,
    ):
        """`odd`: what stands in the place of some rows. `split` makes of rows their fields."""
        self._layout = layout
        self._rows = rows
        self.odd = odd
        self._split = split

    def fields(self) -> Iterable[Any]:
        """The fields of all rows, or their plain values."""
        return self._rows if self._split is None else self._split(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            rows = range(len(self))[position]
            odd = (
                {n: self.odd[row] for n, row in enumerate(rows) if row in self.odd}
                if self.odd
                else {}
            )
            return Table(self._layout, self._rows[position], odd, self._split)
        row = range(len(self))[position]
        [item] = self[row : row + 1]
        return item

    def __iter__(self) -> Iterator[Any]:
        values: Iterable[Any] = self.fields()
        if not self._layout.is_plain:
            values = map(dict, map(zip, repeat(self._layout.names), values))
        if self.odd:
            values = (self.odd.get(row, value) for row, value in enumerate(values))
        return iter(values)


def columns_of(
    tables: Sequence[Table], layout: Layout, nulls: Mapping[int, Any] | None = None
) -> dict[str, list[Any]]:
    """The values of each column: of the rows that can be read, or of all, those at `nulls` being None."""
    rows = [row for one in tables for row in one.fields()]
    if nulls is None:
        odd = {start + row for start, one in numbered(tables) for row in one.odd}
        rows = [row for number, row in enumerate(rows) if number not in odd] if odd else rows
    if layout.is_plain:
        return {layout.names[0]: rows}
    columns = {name: [row[n] for row in rows] for n, name in enumerate(layout.names)}
    for number in nulls or ():
        for column in columns.values():
            column[number] = None
    return columns


def numbered(tables: Sequence[Table]) -> Iterator[tuple[int, Table]]:
    """Each with the position of its first row."""
    return zip(accumulate(map(len, tables), initial=0), tables, strict=False)
