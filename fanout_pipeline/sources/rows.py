"""Rows as items: those of Arrow tables as Python would have them, and both as pandas would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    import pyarrow

_SLICE = 2048
"""So many rows at a time are Python objects: they stay in a core's cache, and memory is flat."""


class Rows(Sequence[Any]):
    """Dicts, or the values of the only column, made when they are asked for, as `to_pylist` makes them."""

    def __init__(self, table: pyarrow.Table, plain: bool):
        self._table = table
        self._plain = plain

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            (item,) = self._made(range(len(self))[position], 1)
            return item
        start, stop, step = position.indices(len(self))
        items = self._made(start, max(0, stop - start))
        return items if step == 1 else list(self)[position]

    def __iter__(self) -> Iterator[Any]:
        starts = range(0, len(self), _SLICE)
        return chain.from_iterable(self._made(start, _SLICE) for start in starts)

    def _made(self, start: int, count: int) -> list[Any]:
        columns: list[list[Any]] = [
            column.slice(start, count).to_pylist() for column in self._table.itercolumns()
        ]
        if self._plain:
            return columns[0]
        names = self._table.column_names
        # Faster than the table's to_pylist, which looks up each value by its position.
        return list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))


def to_pandas(table: pyarrow.Table, plain: bool) -> pandas.Series | pandas.DataFrame:
    """A Series, or a DataFrame with a column for each of the table's.

    As pandas reads Parquet, but for what that would change: integers and booleans beside nulls are of pandas' nullable
    types, where NumPy's would become floats and objects, and nested values are Python's. A null float is NaN.
    """
    import pandas

    nullable = _nullable_types()
    if plain:
        return _series(table.column(0), nullable).copy()  # Arrow's own memory cannot be written to.
    columns = {name: _series(table[name], nullable) for name in table.column_names}
    return pandas.DataFrame(columns, index=pandas.RangeIndex(table.num_rows))


def _series(column: pyarrow.ChunkedArray, nullable: dict[Any, Any]) -> pandas.Series:
    import pandas
    from pyarrow.types import is_nested

    if is_nested(column.type):
        return pandas.Series(column.to_pylist(), dtype=object)
    made: pandas.Series = column.to_pandas(types_mapper=nullable.get if column.null_count else None)
    return made


def batch_of(items: Sequence[Any]) -> pandas.Series | pandas.DataFrame:
    """Python values as a Series; a DataFrame where all are dicts. Columns in which values are missing are of objects."""
    import pandas

    if not len(items) or not all(type(item) is dict for item in items):
        return pandas.Series(items)
    # With types of its own choice pandas would make floats of integers beside None.
    rows = pandas.DataFrame(list(items), dtype=object)
    return pandas.DataFrame(
        {name: one if one.isna().any() else one.infer_objects() for name, one in rows.items()}
    )


def _nullable_types() -> dict[Any, Any]:
    import pandas
    import pyarrow

    names = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
    types = {getattr(pyarrow, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in names}
    return {**types, pyarrow.bool_(): pandas.BooleanDtype()}
