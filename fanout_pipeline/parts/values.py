"""The kind of a single result, for results other than plain numbers and texts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy
import pyarrow

from fanout_pipeline.parts.arrow_kinds import kind_of
from fanout_pipeline.parts.kinds import (
    DECIMAL_KIND,
    INTEGER_KIND,
    NULL,
    Kind,
    MixedTypes,
    common,
)

_INT64 = range(-(2**63), 2**63)
_KINDS: dict[type, Kind] = {
    type(None): NULL,
    bool: "bool",
    float: "double",
    str: "large_string",
    bytes: "binary",
    Decimal: DECIMAL_KIND,
    datetime.date: "date32[day]",
}
_WITHOUT_ZONE: dict[type, Kind] = {datetime.datetime: "timestamp[us]", datetime.time: "time64[us]"}
_ZONES = (datetime.timezone, ZoneInfo)
# Not NumPy's times, of which Python's hold less.
_NUMPY_KINDS = "biufSUO"


def plain(value: Any) -> Any:
    """The value in Python's own types: NumPy's numbers, texts and arrays as these, tuples as lists."""
    if type(value) in _KINDS or type(value) is int:
        return value
    if isinstance(value, numpy.generic | numpy.ndarray) and value.dtype.kind in _NUMPY_KINDS:
        value = value.tolist()
    if isinstance(value, list | tuple):
        return list(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def kind_of_value(value: Any) -> Kind:
    """The kind of a plain value. Raises MixedTypes, or TypeError where no column holds it as it is."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    if isinstance(value, int):
        return "int64" if value in _INT64 else INTEGER_KIND
    if isinstance(value, str):
        return "large_string"
    if isinstance(value, list):
        return [_kind_in_list(value)]
    if isinstance(value, dict):
        return {_key(key): _kind_under(key, inner) for key, inner in value.items()}
    if type(value) in _WITHOUT_ZONE and value.tzinfo is None:
        return _WITHOUT_ZONE[type(value)]
    if type(value) is datetime.datetime and type(value.tzinfo) in _ZONES:
        return _kind_in_zone(value.tzinfo)
    return _kind_by_arrow(value)


@lru_cache(100)
def _kind_in_zone(zone: datetime.tzinfo) -> Kind:
    return _kind_by_arrow(datetime.datetime(2000, 1, 1, tzinfo=zone))


def _kind_by_arrow(value: Any) -> Kind:
    column = pyarrow.array([value], from_pandas=False)
    (back,) = column.to_pylist()
    if back != value:
        raise TypeError(f"{type(value).__name__} would be stored as {column.type}")
    return kind_of(column.type, None)


def _kind_in_list(values: Iterable[Any]) -> Kind:
    kind: Kind = NULL
    try:
        for value in values:
            kind = common(kind, kind_of_value(value))
    except MixedTypes as error:
        raise error.within("[]") from None
    return kind


def _kind_under(key: str, value: Any) -> Kind:
    try:
        return kind_of_value(value)
    except MixedTypes as error:
        raise error.within(f"[{key!r}]") from None


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a dict with the key {key!r}: keys must be texts")
    return key
