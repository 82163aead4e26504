"""The kind of values one by one: for times, Decimals and the like, and to name the item that does not fit."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy
import pyarrow

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types.arrow_types import from_python, kind_of, to_python
from fanout_pipeline.results.types.kinds import (
    DECIMAL_KIND,
    INTEGER_KIND,
    NULL,
    UUID_KIND,
    Kind,
    MixedTypes,
    common,
)
from fanout_pipeline.results.types.plain import plain, unwrapped
from fanout_pipeline.results.types.times import is_same_time, require_kept, require_no_fold

_INT64 = range(-(2**63), 2**63)
_KINDS: dict[type, Kind] = {
    type(None): NULL,
    bool: "bool",
    float: "double",
    str: "large_string",
    bytes: "binary",
    Decimal: DECIMAL_KIND,
    UUID: UUID_KIND,
    datetime.date: "date32[day]",
}
_ZONES = {datetime.timezone, ZoneInfo}


def infer(results: Sequence[Any], indexes: Iterable[int]) -> tuple[list[Any], Kind]:
    """The results in Python's own types, and the kind that they have in common.

    Raises MixedTypes if they have none, or TypeError for a value that no column holds as it is; both
    name the item by its index.
    """
    kind: Kind = NULL
    values = []
    for index, result in zip(indexes, results, strict=True):
        try:
            kind = common(kind, kind_of_value(result))
            values.append(plain(result))
        except MixedTypes as error:
            raise error.found(f"item {index} is the first that differs") from None
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"item {index}: {error}") from None
    return values, kind


def read_back(value: Any, kind: Kind) -> Any:
    """A value as it is read back from a column of this kind."""
    return to_python(from_python([plain(value)], kind), kind)[0]


def kind_of_value(value: Any) -> Kind:
    """The kind of a value. Raises MixedTypes, or TypeError if no column holds it as it is."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    found = unwrapped(value)
    if isinstance(value, numpy.ndarray):
        inner = kind_of_value(found)
        return [inner[0], len(found)] if isinstance(inner, list) and found else inner
    if type(found) is not type(value):
        return kind_of_value(found)
    return _kind_of_plain(value)


def _kind_of_plain(value: Any) -> Kind:
    if type(value) is datetime.datetime:
        return _kind_of_datetime(value)
    if isinstance(value, int):
        return "int64" if value in _INT64 else INTEGER_KIND
    if isinstance(value, str):
        return "large_string"
    if isinstance(value, list):
        return [_kind_in_list(value)]
    if isinstance(value, dict):
        return {_key(key): _kind_at(key, inner) for key, inner in value.items()}
    if isinstance(value, Decimal):
        return DECIMAL_KIND
    if isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise TypeError(
                f"{value}, a time of day in {value.tzinfo}: return it without a time zone"
            )
        require_no_fold(value, None)
    return _by_arrow(value)[0]


def _kind_of_datetime(value: datetime.datetime) -> Kind:
    zone = value.tzinfo
    if zone is None:
        require_no_fold(value, None)
        return "timestamp[us]"
    if type(zone) in _ZONES:
        kind, read_zone = _stored_zone(zone)
        require_kept(value, read_zone)
        return kind
    return _by_arrow(value)[0]


@lru_cache(100)
def _stored_zone(zone: datetime.tzinfo) -> tuple[Kind, datetime.tzinfo]:
    """The kind of times in a zone, and the zone in which they are read back."""
    try:
        kind, read = _by_arrow(datetime.datetime(2000, 1, 1, tzinfo=zone))
    except TypeError:
        raise TypeError(
            f"a time in the zone {zone}, which would not be read back unchanged (its UTC offset must be of "
            "whole minutes, or it must have a name in the time zone database): return it in UTC"
        ) from None
    return kind, read.tzinfo


def _by_arrow(value: Any) -> tuple[Kind, Any]:
    """The kind that Arrow chooses, and the value as it is read back. Raises TypeError if that differs."""
    try:
        column = pyarrow.array([value], from_pandas=False)
        (read,) = column.to_pylist()
        kept = bool(read == value)
        kept &= not isinstance(value, datetime.datetime) or is_same_time(read, value)
    except Exception as error:  # a time zone's own code may raise anything
        raise TypeError(f"{_described(value)} cannot be stored: {error}") from None
    if not kept:
        instead = ": return it in UTC" if getattr(value, "tzinfo", None) else ""
        raise TypeError(
            f"{_described(value)} would be read back as {_described(read)}, from {column.type}{instead}"
        )
    return kind_of(column.type), read


def _described(value: Any) -> str:
    try:
        return f"{type(value).__name__} {printable(str(value), 60)}"
    except Exception:
        return f"a {type(value).__name__}"


def _kind_in_list(values: Iterable[Any]) -> Kind:
    kind: Kind = NULL
    try:
        for value in values:
            kind = common(kind, kind_of_value(value))
    except MixedTypes as error:
        raise error.within("[]") from None
    return kind


def _kind_at(key: str, value: Any) -> Kind:
    try:
        return kind_of_value(value)
    except MixedTypes as error:
        raise error.within(f"[{key!r}]") from None


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a dict with the key {key!r}: keys must be strings")
    return key
