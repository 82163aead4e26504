"""What a function returns, in Python's own types: numbers, texts, times, lists and dicts.

| returned | taken as |
|---|---|
| a dataclass, a NamedTuple, a pydantic model | a dict of its fields |
| a tuple, a NumPy array | a list |
| a member of an Enum | its value |
| a scalar of NumPy | the Python value that it equals |

Whatever else it is stays as it is. Nothing is imported to find out.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy

LEAVES = frozenset(
    [
        type(None), bool, int, float, str, bytes,
        Decimal, UUID, datetime.date, datetime.time, datetime.datetime, datetime.timedelta,
    ]
)  # fmt: skip
"""Types of values that are taken as they are and hold no others."""
_NUMPY = (numpy.generic, numpy.ndarray)
_NUMPY_KINDS = "biufSUO"
"""NumPy's codes of the dtypes that `tolist` converts exactly; its times are not among them."""
_PYTHON_UNITS = {(unit, 1) for unit in ("D", "h", "m", "s", "ms", "us")}
"""Units of NumPy's times that Python's times can hold."""


def plain(value: Any) -> Any:
    """A value in Python's own types, with all that it holds."""
    value = unwrapped(value)
    if type(value) is list:
        return list(map(plain, value))
    if type(value) is dict:
        return {key: plain(inner) for key, inner in value.items()}
    return value


def unwrapped(value: Any) -> Any:
    """A value in Python's own types; what a list or dict holds stays as it is."""
    kind = type(value)
    if kind in LEAVES or kind is dict or kind is list:
        return value
    if isinstance(value, _NUMPY):
        return _from_numpy(value)
    if isinstance(value, Enum):
        return unwrapped(value.value)
    if (fields_of := _record(kind)) is not None:  # type: ignore[arg-type]
        return fields_of(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    return value


@lru_cache(256)
def _record(kind: type) -> Callable[[Any], dict[str, Any]] | None:
    """How an object of a class with named fields becomes a dict of them; None for other classes."""
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return lambda value: dict(zip(kind._fields, value, strict=True))
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
        return lambda value: {name: getattr(value, name) for name in names}
    if hasattr(kind, "model_fields") and hasattr(kind, "model_dump"):  # pydantic's
        return dict
    return None


def _from_numpy(value: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        if not value.ndim:
            return unwrapped(value[()])
        # Of several dimensions: what is in it are arrays.
        return value.tolist() if value.ndim == 1 and value.dtype.kind in _NUMPY_KINDS else [*value]
    if value.dtype.kind in _NUMPY_KINDS:
        return value.tolist()
    if value.dtype.kind in "mM" and numpy.datetime_data(value.dtype) in _PYTHON_UNITS:
        python_value = value.item()
        # An integer if Python's types cannot hold it, and None for NaT.
        if isinstance(python_value, datetime.date | datetime.timedelta):
            return python_value
    return value
