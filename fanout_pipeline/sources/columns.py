"""Columns of sources that have some: their names and types, compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

_NAMES_SHOWN = 12


def names_given(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns that a source was given as its field `what`.

    Raises TypeError for what is no sequence of names, and ValueError where there is none, or one twice.
    """
    if isinstance(names, str):
        raise TypeError(f"{what} must be names in a list or tuple: write {what}=({names!r},)")
    is_several = isinstance(names, Iterable) and not isinstance(names, Mapping | bytes)
    given = tuple(names) if is_several else ()
    if not is_several or not all(isinstance(name, str) for name in given):
        raise TypeError(f"{what} must be names, such as ('amount', 'country'), not {names!r}")
    if not given or len(set(given)) < len(given):
        raise ValueError(f"{what} names one column or more, each once, not {given}")
    return given


def nearest(name: str, names: Sequence[str]) -> str:
    """A sentence with the names that are most like one that is not there."""
    from difflib import get_close_matches  # workers do without

    close = get_close_matches(name, names)
    if close:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    more = ", …" if len(names) > _NAMES_SHOWN else ""
    return f"It has {', '.join(map(repr, names[:_NAMES_SHOWN]))}{more}."


def in_common(one: pyarrow.DataType, other: pyarrow.DataType) -> pyarrow.DataType | None:
    """The type that holds the values of both exactly, and as the same Python values; None if there is none."""
    import pyarrow
    from pyarrow import types

    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    one, other = (kind.value_type if types.is_dictionary(kind) else kind for kind in (one, other))
    if one == other:
        return one
    for alike, widest in (
        ((types.is_string, types.is_large_string, types.is_string_view), pyarrow.large_string()),
        ((types.is_binary, types.is_large_binary, types.is_binary_view), pyarrow.large_binary()),
        ((types.is_signed_integer,), pyarrow.int64()),
        ((types.is_unsigned_integer,), pyarrow.uint64()),
        ((types.is_floating,), pyarrow.float64()),
    ):
        if all(any(is_kind(kind) for is_kind in alike) for kind in (one, other)):
            return widest
    return None
