"""Kinds as Arrow and Parquet store them: a type, and a mark in the field's metadata.

No fixed-width type of Parquet holds any integer or any Decimal (docs/decisions/integers.md): they
are text, and the mark says so. A struct without fields, which Parquet does not have, gets one of nulls.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow

from fanout_pipeline.results.types.kinds import DECIMAL_KIND, INTEGER_KIND, Kind

Convert = Callable[[Any], Any]

_MARK = b"fanout"
INTEGER_TEXT = {_MARK: b"integer"}
"""Metadata of a text field that holds integers."""
DECIMAL_TEXT = {_MARK: b"decimal"}
_MARKED: dict[bytes, Kind] = {b"integer": INTEGER_KIND, b"decimal": DECIMAL_KIND}


def integer_text(value: int) -> str:
    # str() and int() stop at 4,300 digits (CVE-2020-10735); Decimal is exact and does not.
    try:
        return str(int(value))
    except ValueError:
        return str(Decimal(value))


def integer(text: str) -> int:
    """What `integer_text` was made of."""
    try:
        return int(text)
    except ValueError:
        return int(Decimal(text))


# Arrow takes no bool for an integer.
_ENCODE: Mapping[str, Convert] = {"int64": int, INTEGER_KIND: integer_text, DECIMAL_KIND: str}
_DECODE: Mapping[str, Convert] = {INTEGER_KIND: integer, DECIMAL_KIND: Decimal}


def kind_of(stored: pyarrow.DataType, metadata: Mapping[bytes, bytes] | None) -> Kind:
    """The kind of a column with this type and this metadata of its field."""
    if metadata and (mark := metadata.get(_MARK)):
        return _MARKED[mark] if mark in _MARKED else json.loads(mark)
    return _kind_of_type(stored)


def metadata_of(kind: Kind) -> dict[bytes, bytes]:
    """The metadata of a field; empty where its type says all."""
    if kind == INTEGER_KIND:
        return INTEGER_TEXT
    if kind == DECIMAL_KIND:
        return DECIMAL_TEXT
    return {_MARK: json.dumps(kind).encode()} if decoder(kind) else {}


def type_of(kind: Kind) -> pyarrow.DataType:
    """The Arrow type that stores a kind."""
    if isinstance(kind, list):
        # As Parquet calls what is in a list.
        return pyarrow.list_(pyarrow.field("element", type_of(kind[0])))
    if isinstance(kind, dict):
        fields = [(name, type_of(inner)) for name, inner in kind.items()]
        return pyarrow.struct(fields or [("", pyarrow.null())])
    if kind in (INTEGER_KIND, DECIMAL_KIND):
        return pyarrow.large_string()
    _, equals, schema = kind.rpartition(" = ")
    if equals:
        return pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(schema))).field(0).type
    return pyarrow.type_for_alias(kind)


def encoder(kind: Kind) -> Convert | None:
    """From a value to what Arrow takes for it; None where that is the same. Not for None."""
    return _converter(kind, _ENCODE)


def decoder(kind: Kind) -> Convert | None:
    """From what Arrow gives to the value; None where that is the same. Not for None."""
    return _converter(kind, _DECODE)


def fitted(
    column: pyarrow.Array, metadata: Mapping[bytes, bytes] | None, kind: Kind
) -> pyarrow.Array:
    """A part's column as one of the kind of all parts."""
    if kind_of(column.type, metadata) == kind:
        target = type_of(kind)
        if column.type == target:
            return column
        with suppress(pyarrow.ArrowException):  # of structs with their fields in another order
            return column.cast(target)  # of other lists
    # Not by Arrow's casts, to which a bool is the text "false".
    return from_python(to_python(column, metadata), kind)


def from_python(values: list[Any], kind: Kind) -> pyarrow.Array:
    """Values that have a kind in common, as a column of it."""
    encode = encoder(kind)
    if encode is not None:
        values = [None if value is None else encode(value) for value in values]
    return pyarrow.array(values, type_of(kind), from_pandas=False)


def to_python(column: pyarrow.Array, metadata: Mapping[bytes, bytes] | None) -> list[Any]:
    """The Python values of a column."""
    values: list[Any] = column.to_pylist()
    decode = decoder(kind_of(column.type, metadata)) if metadata else None
    if decode is not None:
        return [None if value is None else decode(value) for value in values]
    return values


def read_back(value: Any, kind: Kind) -> Any:
    """A value of a kind as it is read back from a column of it."""
    return to_python(from_python([value], kind), metadata_of(kind))[0]


def _kind_of_type(stored: pyarrow.DataType) -> Kind:
    types = pyarrow.types
    if types.is_list(stored) or types.is_large_list(stored) or types.is_fixed_size_list(stored):
        return [_kind_of_type(stored.value_type)]
    if types.is_struct(stored):
        fields = map(stored.field, range(stored.num_fields))
        return {field.name: _kind_of_type(field.type) for field in fields}
    name = str(stored)
    try:
        if pyarrow.type_for_alias(name) == stored:
            return name
    except ValueError:
        pass
    # Time zones, maps and the like: what a person reads, and what Arrow does.
    schema = pyarrow.schema([("", stored)]).serialize().to_pybytes()
    return f"{name} = {base64.b64encode(schema).decode()}"


def _converter(kind: Kind, leaves: Mapping[str, Convert]) -> Convert | None:
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
