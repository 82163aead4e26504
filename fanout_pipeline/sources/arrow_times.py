"""Times of Arrow in nanoseconds as Python values, each by itself: Python's where these hold it, else pandas'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def as_python(column: pyarrow.ChunkedArray, kind: pyarrow.DataType) -> list[Any]:
    """The values; `kind` is the column's type `in_microseconds`. pandas is only imported for what has nanoseconds."""
    import pyarrow

    if column.type != kind:
        try:
            return column.cast(kind).to_pylist()  # type: ignore[no-any-return]
        except (
            pyarrow.ArrowException
        ):  # A value has nanoseconds, or Arrow has no cast for a type that is nested.
            return [_shortened(value) for value in column.to_pylist()]
    return column.to_pylist()  # type: ignore[no-any-return]


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
    for is_kind, made in (
        (types.is_list, pyarrow.list_),
        (types.is_large_list, pyarrow.large_list),
        (types.is_list_view, pyarrow.list_view),
        (types.is_large_list_view, pyarrow.large_list_view),
    ):
        if is_kind(kind):
            return made(_field(kind.value_field))
    if types.is_struct(kind):
        return pyarrow.struct([_field(kind.field(n)) for n in range(kind.num_fields)])
    return kind


def _field(field: pyarrow.Field) -> pyarrow.Field:
    return field.with_type(in_microseconds(field.type))


def _shortened(value: Any) -> Any:
    """A value with Python's times in the place of pandas' where these have no nanoseconds."""
    kind = type(value)
    if kind is dict:
        return {key: _shortened(one) for key, one in value.items()}
    if kind in (list, tuple):
        return kind(map(_shortened, value))
    if kind.__name__ == "Timestamp" and not value.nanosecond:
        return value.to_pydatetime()
    if kind.__name__ == "Timedelta" and not value.nanoseconds:
        return value.to_pytimedelta()
    return value
