"""How each kind is stored by Arrow and Parquet: a type, and a mark in the field's metadata.

No fixed-width type of Parquet holds every integer or every Decimal (docs/decisions/integers.md): they
are stored as text, and the mark says so. So are UUIDs, as few programs read Parquet's own. Parquet has no struct without fields: an empty dict is stored
as a struct of one null.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow

from fanout_pipeline.results.types.kinds import DECIMAL_KIND, INTEGER_KIND, NULL, UUID_KIND, Kind

Convert = Callable[[Any], Any]

_MARK = b"fanout"
_TEXT_MARKS = {INTEGER_KIND: b"integer", DECIMAL_KIND: b"decimal", UUID_KIND: b"uuid"}
"""What the metadata of a text field says that it holds."""


def integer_text(value: int) -> str:
    """An integer in decimal digits, however many there are."""
    # str() and int() stop at 4,300 digits (CVE-2020-10735); Decimal is exact and does not.
    try:
        return str(int(value))
    except ValueError:
        return str(Decimal(value))


def integer(text: str) -> int:
    """The inverse of `integer_text`."""
    try:
        return int(text)
    except ValueError:
        return int(Decimal(text))


# Arrow does not accept a bool as an integer.
_ENCODE: Mapping[str, Convert] = {
    "int64": int,
    INTEGER_KIND: integer_text,
    DECIMAL_KIND: str,
    UUID_KIND: str,
}
_DECODE: Mapping[str, Convert] = {INTEGER_KIND: integer, DECIMAL_KIND: Decimal, UUID_KIND: UUID}


def kind_of(stored: pyarrow.DataType) -> Kind:
    """The kind of an Arrow array that a function returned."""
    types = pyarrow.types
    if types.is_fixed_size_list(stored) and stored.list_size:
        return [kind_of(stored.value_type), stored.list_size]
    if types.is_list(stored) or types.is_large_list(stored) or types.is_fixed_size_list(stored):
        return [kind_of(stored.value_type)]
    if types.is_struct(stored):
        fields = map(stored.field, range(stored.num_fields))
        return {field.name: kind_of(field.type) for field in fields}
    name = str(stored)
    try:
        if pyarrow.type_for_alias(name) == stored:
            return name
    except ValueError:
        pass
    # Time zones, maps and the like: a name for people, and Arrow's own serialization.
    schema = pyarrow.schema([("", stored)]).serialize().to_pybytes()
    return f"{name} = {base64.b64encode(schema).decode()}"


def type_of(kind: Kind) -> pyarrow.DataType:
    """The Arrow type that stores a kind."""
    if isinstance(kind, list):
        # "element" is Parquet's name for what a list holds.
        return pyarrow.list_(pyarrow.field("element", type_of(kind[0])), *kind[1:])
    if isinstance(kind, dict):
        fields = [(name, type_of(inner)) for name, inner in kind.items()]
        return pyarrow.struct(fields or [("", pyarrow.null())])
    if kind in _TEXT_MARKS:
        return pyarrow.large_string()
    _, equals, schema = kind.rpartition(" = ")
    if equals:
        return pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(schema))).field(0).type
    return pyarrow.type_for_alias(kind)


def metadata_of(kind: Kind) -> dict[bytes, bytes] | None:
    """The metadata of a field; None where its Arrow type says everything."""
    if isinstance(kind, str) and kind in _TEXT_MARKS:
        return {_MARK: _TEXT_MARKS[kind]}
    return {_MARK: json.dumps(kind).encode()} if _converter(kind, _DECODE) else None


def from_python(values: list[Any], kind: Kind) -> pyarrow.Array:
    """A column of values that have this kind in common."""
    encode = _converter(kind, _ENCODE)
    if encode is not None:
        values = [None if value is None else encode(value) for value in values]
    return pyarrow.array(values, type_of(kind), from_pandas=False)


def to_python(column: pyarrow.Array, kind: Kind) -> list[Any]:
    """The Python values of a column."""
    values: list[Any] = column.to_pylist()
    decode = _converter(kind, _DECODE)
    if decode is not None:
        return [None if value is None else decode(value) for value in values]
    return values


def cast(column: pyarrow.Array, kind: Kind, target: Kind) -> pyarrow.Array:
    """A column of `kind` as one of a kind that includes it."""
    stored = type_of(target)
    if kind == target:
        if column.type == stored:
            return column
        with suppress(pyarrow.ArrowException):  # of structs with their fields in another order
            return column.cast(stored)  # of other kinds of lists
    if kind == NULL:
        return pyarrow.nulls(len(column), stored)
    if isinstance(kind, dict) and isinstance(target, dict) and kind:
        found = dict(zip(kind, column.flatten(), strict=True))
        fields = [
            cast(found[name], kind[name], inner) if name in kind else nulls(len(column), inner)
            for name, inner in target.items()
        ]
        return pyarrow.StructArray.from_arrays(fields, fields=list(stored), mask=column.is_null())
    if pyarrow.types.is_integer(column.type) and pyarrow.types.is_floating(stored):
        return column.cast(stored)  # where each is exact
    # Not Arrow's other casts, which make the text "false" of a bool.
    return from_python(to_python(column, kind), target)


def nulls(length: int, kind: Kind) -> pyarrow.Array:
    """A column of nulls."""
    return pyarrow.nulls(length, type_of(kind))


def _converter(kind: Kind, leaves: Mapping[str, Convert]) -> Convert | None:
    """The conversion of one value that is not None; None where it stays as it is."""
    if isinstance(kind, str):
        return leaves.get(kind)
    if isinstance(kind, list):
        each = _converter(kind[0], leaves)
        if each is None:
            return None
        return lambda values: [None if value is None else each(value) for value in values]
    if not kind:
        return lambda value: {}
    by_key = {key: each for key, of in kind.items() if (each := _converter(of, leaves))}
    if not by_key:
        return None
    return lambda value: {
        key: by_key[key](inner) if key in by_key and inner is not None else inner
        for key, inner in value.items()
    }
