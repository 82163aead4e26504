"""Types that a user states for results, and whether a result is of one.

A result is of the stated type if it is read back equal: 1 is a float and 1.0 an int, 2**53 + 1 is no float.
None is of every type.
"""

from __future__ import annotations

import datetime
import types
import typing
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pyarrow

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types.arrow_types import kind_of
from fanout_pipeline.results.types.infer import kind_of_value, read_back
from fanout_pipeline.results.types.kinds import (
    DECIMAL_KIND,
    NULL,
    UUID_KIND,
    Kind,
    common,
    kind_name,
)
from fanout_pipeline.results.types.plain import LEAVES, plain, unwrapped
from fanout_pipeline.results.types.times import is_same_time

_OTHER_LEAVES: dict[Any, Kind] = {
    int: "int64",
    datetime.datetime: "timestamp[us]",
    datetime.time: "time64[us]",
    datetime.timedelta: "duration[us]",
}


class WrongType(TypeError):
    """A result is not of the stated type. The message says which part of it, and what both are."""


def kind_of_type(stated: Any) -> Kind:
    """The kind of a stated type: Arrow's, a class with named fields, or one of Python's own types.

    Raises TypeError where it says nothing about what is stored.
    """
    if isinstance(stated, pyarrow.Schema):
        return {field.name: kind_of(field.type) for field in stated}
    if isinstance(stated, pyarrow.DataType):
        return kind_of(stated)
    return _kind_of_annotation(stated, "")


def _kind_of_annotation(stated: Any, path: str) -> Kind:
    if stated in _OTHER_LEAVES:
        return _OTHER_LEAVES[stated]
    if isinstance(stated, type) and stated in LEAVES:
        return kind_of_value(_example(stated))
    if isinstance(stated, type) and issubclass(stated, Enum):
        return _common(kind_of_value(member) for member in stated)
    if isinstance(stated, type) and (names := _field_names(stated)) is not None:
        hints = typing.get_type_hints(stated)
        return {name: _kind_of_annotation(hints[name], f"{path}.{name}") for name in names}
    origin, arguments = typing.get_origin(stated), typing.get_args(stated)
    if origin in (typing.Union, types.UnionType):
        return _common(_kind_of_annotation(one, path) for one in arguments)
    if origin is typing.Literal:
        return _common(map(kind_of_value, arguments))
    if origin is typing.Annotated:
        return _kind_of_annotation(arguments[0], path)
    inner = [one for one in arguments if one is not Ellipsis]
    if isinstance(origin, type) and issubclass(origin, Sequence) and inner:
        return [_common(_kind_of_annotation(one, f"{path}[]") for one in inner)]
    where = f", of its field {path[1:]}," if path else ""
    raise TypeError(
        f"result_type{where} is {printable(str(stated), 100)}, which does not say what columns hold: use a "
        "type of pyarrow, a dataclass, NamedTuple or pydantic model, list[…], or one of Python's own "
        "types of numbers, texts and times"
    )


def _example(leaf: type) -> Any:
    """A value of one of Python's types of which all values have the same kind."""
    if leaf is type(None):
        return None
    if leaf is datetime.date:
        return datetime.date(2000, 1, 1)
    return leaf(int=0) if leaf.__name__ == "UUID" else leaf()


def _field_names(kind: type) -> list[str] | None:
    """The names of a class's fields, in order; None if it has none."""
    if is_dataclass(kind):
        return list(kind.__dataclass_fields__)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return list(kind._fields)
    if hasattr(kind, "model_fields"):  # pydantic's
        return list(kind.model_fields)
    return list(kind.__annotations__) if typing.is_typeddict(kind) else None


def _common(kinds: Iterable[Kind]) -> Kind:
    found: Kind = NULL
    for kind in kinds:
        found = common(found, kind)
    return found


_EXACT: dict[str, type] = {
    "bool": bool,
    "double": float,
    "string": str,
    "large_string": str,
    "binary": bytes,
    "date32[day]": datetime.date,
    DECIMAL_KIND: Decimal,
    UUID_KIND: UUID,
}
"""Kinds that hold every value of a type as it is."""
_INT64 = range(-(2**63), 2**63)


def require_stated(value: Any, kind: Kind) -> None:
    """Raises WrongType unless a result is of the kind that was stated."""
    if not _is_exactly(value, kind):
        _require(plain(value), kind, "result")


def _is_exactly(value: Any, kind: Kind) -> bool:
    """Whether a value needs no closer look."""
    if value is None:
        return True
    if isinstance(kind, str):
        return type(value) is _EXACT.get(kind) or (
            kind == "int64" and type(value) is int and value in _INT64
        )
    value = unwrapped(value)
    if isinstance(kind, list):
        if type(value) is not list or len(kind) > 1:
            return False
        return all(_is_exactly(inner, kind[0]) for inner in value)
    if type(value) is not dict or not value.keys() <= kind.keys():
        return False
    return all(_is_exactly(inner, kind[key]) for key, inner in value.items())


def _require(value: Any, kind: Kind, path: str) -> None:
    if value is None:
        return
    if isinstance(kind, dict) and isinstance(value, dict):
        for key, inner in value.items():
            if key not in kind:
                raise WrongType(f"{path} has the field {key!r}, which result_type does not have")
            _require(inner, kind[key], f"{path}[{key!r}]")
        return
    if isinstance(kind, list) and isinstance(value, list):
        if kind[1:] not in ([], [len(value)]):
            raise WrongType(f"{path} has {len(value)} elements, not {kind[1]} as in result_type")
        for inner in value:
            _require(inner, kind[0], f"{path}[]")
        return
    _require_leaf(value, kind, path)


def _require_leaf(value: Any, kind: Kind, path: str) -> None:
    with suppress(TypeError):
        if common(kind, kind_of_value(value)) == kind:
            return
    why = ""
    try:
        if isinstance(kind, str) and _equal(read_back(value, kind), value):
            return
    except Exception as error:  # whatever Arrow, or a type that it does not know, has to say
        why = f" ({printable(str(error), 200)})"
    raise WrongType(
        f"{printable(path, 100)} is {printable(repr(value), 60)}, of type {type(value).__name__}, and result_type "
        f"says {kind_name(kind)}, from which it would not be read back equal{why}"
    )


def _equal(read: Any, value: Any) -> bool:
    if isinstance(value, datetime.datetime):
        return isinstance(read, datetime.datetime) and read == value and is_same_time(read, value)
    if read != read and value != value:  # NaN
        return type(read) is type(value)
    return bool(read == value)
