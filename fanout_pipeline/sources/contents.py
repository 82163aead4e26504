"""What identifies what a function is given: a hash an item, by which a run with a key finds what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.sources.column_hash import column_hashes
from fanout_pipeline.sources.object_hash import object_hash, tagged_hash
from fanout_pipeline.sources.source import BadItem, Unreadable

_INT64 = range(-(2**63), 2**63)


def value_hashes(values: Sequence[Any], unreadable: Mapping[int, Unreadable]) -> numpy.ndarray:
    """One uint64 for each of these Python objects, of an Unreadable that of its text.

    Raises BadItem for an object that cannot be compared.
    """
    values = list(values)
    kinds = list(map(type, values))
    hashes = numpy.zeros(len(values), numpy.uint64)
    one_by_one = [n for n, kind in enumerate(kinds) if kind not in _COLUMNS]
    for kind in _COLUMNS.keys() & set(kinds):
        positions = [n for n, one in enumerate(kinds) if one is kind]
        try:
            hashes[positions] = _as_column(kind, [values[n] for n in positions])
        except (OverflowError, UnicodeEncodeError, pyarrow.ArrowException):
            fits = _COLUMNS[kind][1]
            one_by_one += [n for n in positions if not fits(values[n])]
            positions = [n for n in positions if fits(values[n])]
            hashes[positions] = _as_column(kind, [values[n] for n in positions])
    for position in one_by_one:
        hashes[position] = _hash(position, values[position])
    for position, one in unreadable.items():
        hashes[position] = tagged_hash("unreadable", one.text)
    return hashes


def _as_column(kind: type, values: list[Any]) -> numpy.ndarray:
    return column_hashes(pyarrow.chunked_array([pyarrow.array(values, _COLUMNS[kind][0])]))


def _hash(position: int, value: Any) -> int:
    try:
        return object_hash(value)
    except Exception as error:  # of its own `__reduce__`, too
        raise BadItem(
            position,
            f"cannot be compared with what it was in another run: {error}",
            f"Give what the {type(value).__qualname__} is made from, such as a path or a dict.",
        ) from error


def is_unicode(text: str) -> bool:
    """Whether it can be encoded: whether it has no lone surrogate."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


_COLUMNS: dict[type, tuple[pyarrow.DataType, Callable[[Any], bool]]] = {
    int: (pyarrow.int64(), _INT64.__contains__),
    float: (pyarrow.float64(), lambda _: True),
    str: (pyarrow.large_string(), is_unicode),
}
"""Values of these types are hashed as Arrow's columns are, all at a time, but for those that Arrow cannot hold."""
