"""What identifies an item across runs: its key, as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy
import pyarrow
from pyarrow import compute, types

from fanout_pipeline.sources.bad_input import BadItem, Unreadable
from fanout_pipeline.sources.contents import is_unicode
from fanout_pipeline.sources.rows import Rows

_ADVICE = "A key is text, a number, a date or time, a UUID, bytes, or a tuple of these; each item must have one."


class NoKey(BadItem):
    """A readable item has no key, or one that is none."""

    def __init__(self, position: int, reason: str, advice: str = _ADVICE):
        super().__init__(position, reason, advice)


def keys_of(
    key: str | Callable[[Any], Any],
    column_named: Callable[[str], Sequence[Any] | pyarrow.ChunkedArray],
    items: Sequence[Any],
    unreadable: Mapping[int, Unreadable],
) -> pyarrow.LargeStringArray:
    """See `Items.keys`. `column_named`: the values of a column, one an item."""
    if isinstance(key, str):
        name, column = repr(key), column_named(key)
    elif callable(key):
        name = f"{getattr(key, '__qualname__', repr(key))}(item)"
        column = [_asked(key, n, item) for n, item in enumerate(items)]
    else:
        raise TypeError(f"key is the name of a column or a function, not {key!r}")
    if isinstance(column, pyarrow.ChunkedArray):
        made = _of_column(column)
        if made is not None:
            _require_all(made, unreadable, name)
            return made
        column = Rows(pyarrow.table([column], names=["key"]), True)
    return _of_values(column, unreadable, name)


def text_of(key: Any) -> str:
    """A key as text: an integer in decimal, a time as isoformat() has it, a tuple as JSON.

    Raises ValueError for what is missing, and TypeError for what is no key.
    """
    return json.dumps(_parts(key), ensure_ascii=False) if isinstance(key, tuple) else _text(key)


def _parts(key: tuple[Any, ...]) -> list[Any]:
    return [_parts(one) if isinstance(one, tuple) else _text(one) for one in key]


def _text(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, numpy.number | numpy.bool):
        key = key.item()
    if isinstance(key, bool | UUID):
        return str(key)
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, bytes):
        return key.hex()
    if key is None or (isinstance(key, float | Decimal | datetime) and key != key):
        raise ValueError("is missing" if key is None else f"is {key}")
    if isinstance(key, float):
        return float.__repr__(key)
    if isinstance(key, Decimal):
        return str(key)
    if isinstance(key, date | time):
        return key.isoformat()
    raise TypeError(f"is of type {type(key).__qualname__}")


def _asked(key: Callable[[Any], Any], position: int, item: Any) -> Any:
    if type(item) is Unreadable:
        return None
    try:
        return key(item)
    except Exception as error:
        raise NoKey(
            position,
            f"has no key: {getattr(key, '__qualname__', repr(key))} raised {type(error).__name__}: {error}",
        ) from error


def _of_column(column: pyarrow.ChunkedArray) -> pyarrow.LargeStringArray | None:
    """Integers and text as text, without a Python object each. None for a column of any other type."""
    kind = column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if types.is_integer(kind) or types.is_string(kind) or types.is_string_view(kind):
        column = column.cast(pyarrow.large_string())
    if not types.is_large_string(column.type):
        return None
    return pyarrow.concat_arrays(column.chunks) if column.num_chunks else _array([])


def _require_all(
    keys: pyarrow.LargeStringArray, unreadable: Mapping[int, Unreadable], name: str
) -> None:
    """Raises NoKey for the first readable item without a key."""
    if keys.null_count > len(unreadable):
        nulls = compute.indices_nonzero(keys.is_null()).to_pylist()
        raise NoKey(next(n for n in nulls if n not in unreadable), f"has no key: {name} is missing")


def _of_values(
    values: Sequence[Any], unreadable: Mapping[int, Unreadable], name: str
) -> pyarrow.LargeStringArray:
    kinds = {*map(type, values)}
    if kinds == {int}:
        values = list(map(repr, values))
    elif kinds != {str}:
        texts: list[Any] = []
        for position, value in enumerate(values):
            try:
                texts.append(None if position in unreadable else text_of(value))
            except (TypeError, ValueError) as error:
                raise NoKey(position, f"has no key: {name} {error}") from None
        values = texts
    try:
        return _array(values)
    except UnicodeEncodeError:
        odd = next(n for n, one in enumerate(values) if one is not None and not is_unicode(one))
        raise NoKey(odd, f"has no key: {name} is no Unicode text: {values[odd]!a}") from None


def _array(values: Sequence[Any]) -> pyarrow.LargeStringArray:
    return pyarrow.array(values, pyarrow.large_string())
