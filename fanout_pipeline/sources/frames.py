"""Items as pandas holds them: a batch whose values are those of the items, not what pandas would guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

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


def frame_or_series(items: Sequence[Any]) -> pandas.DataFrame | pandas.Series:
    """A DataFrame with a column for each key where all items are dicts, else a Series of them."""
    import pandas

    if len(items) == 0 or set(map(type, items)) != {dict}:
        return column(items)
    keys = dict.fromkeys(key for item in items for key in item)
    columns = [column([item.get(key) for item in items]) for key in keys]
    frame = pandas.DataFrame(dict(enumerate(columns)), index=pandas.RangeIndex(len(items)))
    frame.columns = pandas.Index(column(list(keys)))
    return frame


def column(values: Sequence[Any]) -> pandas.Series:
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
