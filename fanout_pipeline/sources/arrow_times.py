"""Times of Arrow in nanoseconds as Python values, each by itself: Python's where these hold it, else pandas'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def as_python(column: pyarrow.ChunkedArray, kind: pyarrow.DataType) -> list[Any]:
    """The values; `kind` is the column's type `in_microseconds`. pandas is only imported for what has nanoseconds."""
    import pyarrow

    if column.type == kind:
        return _listed(column)
    try:
        return _listed(column.cast(kind))
    except pyarrow.ArrowInvalid:  # Some have nanoseconds.
        cut_off = _listed(column.cast(kind, safe=False))
        return list(map(_exact, cut_off, column.to_pylist()))


def _listed(column: pyarrow.ChunkedArray) -> list[Any]:
    import pyarrow

    kind = column.type
    if not pyarrow.types.is_timestamp(kind) or kind.tz is None or kind.unit == "ns":
        return column.to_pylist()  # type: ignore[no-any-return]
    # As to_pylist has them, which imports pandas for this.
    zone = pyarrow.lib.string_to_tzinfo(kind.tz)
    universal = column.cast(pyarrow.timestamp(kind.unit)).to_pylist()
    return [None if one is None else zone.fromutc(one.replace(tzinfo=zone)) for one in universal]


def in_microseconds(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type with microseconds in the place of nanoseconds, wherever they are in it."""
    import pyarrow
    from pyarrow import types

    if types.is_timestamp(kind) and kind.unit == "ns":
        return pyarrow.timestamp("us", kind.tz)
    if types.is_duration(kind) and kind.unit == "ns":
        return pyarrow.duration("us")
    if types.is_dictionary(kind):
        value = in_microseconds(kind.value_type)
        return kind if value == kind.value_type else value
    if types.is_map(kind):
        return pyarrow.map_(in_microseconds(kind.key_type), _field(kind.item_field))
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(_field(kind.value_field), kind.list_size)
    if types.is_large_list(kind):
        return pyarrow.large_list(_field(kind.value_field))
    if types.is_list(kind):
        return pyarrow.list_(_field(kind.value_field))
    if types.is_struct(kind):
        return pyarrow.struct([_field(kind.field(n)) for n in range(kind.num_fields)])
    return kind


def _field(field: pyarrow.Field) -> pyarrow.Field:
    return field.with_type(in_microseconds(field.type))


def _exact(python: Any, pandas: Any) -> Any:
    """Of a value with Python's times and the same with pandas': the times of pandas that have nanoseconds."""
    kind = type(pandas)
    if kind is dict:
        return {key: _exact(python[key], one) for key, one in pandas.items()}
    if kind in (list, tuple):
        return kind(map(_exact, python, pandas))
    has_more = (kind.__name__ == "Timestamp" and pandas.nanosecond) or (
        kind.__name__ == "Timedelta" and pandas.nanoseconds
    )
    return pandas if has_more else python
