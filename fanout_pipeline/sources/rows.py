"""Rows as items: those of Arrow tables as Python would have them, and both as pandas would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.arrow_times import as_python, in_microseconds

if TYPE_CHECKING:
    import pandas
    import pyarrow

_SLICE = 2048
"""So many rows at a time are Python objects: they stay in a core's cache, and memory is flat."""
_MISSING = type(None)
_EXACT_IN_FLOAT = 2**53
"""Up to this, floats hold every integer."""
_DTYPES: dict[frozenset[type], str] = {
    frozenset({int}): "int64",
    frozenset({int, _MISSING}): "Int64",
    frozenset({float}): "float64",
    frozenset({float, _MISSING}): "float64",
    frozenset({bool}): "bool",
    frozenset({bool, _MISSING}): "boolean",
    frozenset({str}): "str",
    frozenset({str, _MISSING}): "str",
}
"""How pandas holds values of these types without a loss. All others stay Python objects."""


class Rows(Sequence[Any]):
    """Dicts, or the values of the only column, made when they are asked for, as `to_pylist` makes them.

    Each time in nanoseconds is Python's where that holds it exactly, else pandas', however the rows are cut.
    """

    def __init__(self, table: pyarrow.Table, plain: bool):
        self._table = table
        self._plain = plain
        self._kinds = [in_microseconds(one.type) for one in table.schema]

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
        columns = [
            as_python(column.slice(start, count), kind)
            for column, kind in zip(self._table.itercolumns(), self._kinds, strict=True)
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


def _nullable_types() -> dict[Any, Any]:
    import pandas
    import pyarrow

    names = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
    types = {getattr(pyarrow, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in names}
    return {**types, pyarrow.bool_(): pandas.BooleanDtype()}


def frame_or_series(items: Sequence[Any]) -> pandas.DataFrame | pandas.Series:
    """A DataFrame with a column for each key where all items are dicts, else a Series of them."""
    import pandas

    if len(items) == 0 or set(map(type, items)) != {dict}:
        return _column(items)
    keys = dict.fromkeys(key for item in items for key in item)
    columns = [_column([item.get(key) for item in items]) for key in keys]
    frame = pandas.DataFrame(dict(enumerate(columns)), index=pandas.RangeIndex(len(items)))
    frame.columns = pandas.Index(_column(list(keys)))
    return frame


def _column(values: Sequence[Any]) -> pandas.Series:
    """The values, with a dtype that holds them all: integers beyond 64 bits stay Python's."""
    import pandas

    kinds = frozenset(map(type, values))
    dtype = _DTYPES.get(kinds, "object")
    if kinds - {_MISSING} == {int, float} and _fit_in_floats(values):
        dtype = "float64"
    try:
        return pandas.Series(values, dtype=dtype)
    except (OverflowError, UnicodeEncodeError):  # of integers, of lone surrogates
        return pandas.Series(values, dtype="object")


def _fit_in_floats(values: Sequence[Any]) -> bool:
    return all(abs(value) <= _EXACT_IN_FLOAT for value in values if type(value) is int)
