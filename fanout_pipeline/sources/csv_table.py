"""Rows of CSV as Python values: dicts, or plain values where one column is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Any

from fanout_pipeline.sources.csv_records import Dialect
from fanout_pipeline.sources.source import Unreadable

_ROWS = 1024
"""Rows that are made dicts at a time where all are asked for."""
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
    """Rows as tuples, or as lines to be split; made dicts when they are asked for, and still in a core's cache."""

    def __init__(
        self,
        layout: Layout,
        rows: Sequence[Any],
        odd: Mapping[int, Unreadable],
        split: Callable[[Any], Any] | None = None,
    ):
        """`odd`: what stands in the place of some rows. `split` makes of a row its fields."""
        self._layout = layout
        self._rows = rows
        self.odd = odd
        self._split = split

    def fields(self, start: int, stop: int) -> Sequence[Any]:
        """The fields of some rows, or their plain values."""
        rows = self._rows[start:stop]
        return rows if self._split is None else list(map(self._split, rows))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            row = range(len(self))[position]
            return self[row : row + 1][0]
        start, stop, step = position.indices(len(self))
        if step != 1:
            return [self[row] for row in range(start, stop, step)]
        rows, names = self.fields(start, stop), self._layout.names
        if not self._layout.is_plain:
            rows = [dict(zip(names, row, strict=True)) for row in rows]
        if self.odd:
            rows = [self.odd.get(n, row) for n, row in enumerate(rows, start)]
        return rows

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _ROWS):
            yield from self[start : start + _ROWS]


def columns_of(
    tables: Sequence[Table], layout: Layout, nulls: Mapping[int, Any] | None = None
) -> dict[str, list[Any]]:
    """The values of each column: of the rows that can be read, or of all, those at `nulls` being None."""
    rows = [row for one in tables for row in one.fields(0, len(one))]
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
