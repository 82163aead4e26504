"""What identifies what a function is given: a hash an item, by which a run with a key finds what has changed.

Python objects are hashed by their types, all of one type at a time, and so is what dicts and lists hold. What a
value's hash is does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.sources.bad_input import BadItem, Unreadable
from fanout_pipeline.sources.column_hash import column_hashes, mixed
from fanout_pipeline.sources.object_hash import object_hash, tagged_hash

_INT64 = range(-(2**63), 2**63)
_DEPTH = 8
"""What is nested more deeply is hashed one by one."""
_NESTED: dict[type, numpy.uint64] = {
    kind: numpy.uint64(tagged_hash("salt", kind.__name__)) for kind in (dict, list, tuple)
}


def item_hashes(values: Sequence[Any], unreadable: Mapping[int, Unreadable]) -> numpy.ndarray:
    """One uint64 for each of these Python objects, of an Unreadable that of its text.

    Raises BadItem for an object that cannot be compared.
    """
    hashes = value_hashes(list(values))
    for position, one in unreadable.items():
        hashes[position] = tagged_hash("unreadable", one.text)
    return hashes


def value_hashes(values: list[Any], depth: int = 0) -> numpy.ndarray:
    """One uint64 for each; `depth`: in how many containers they lie. Raises BadItem."""
    kinds = {kind: n for n, kind in enumerate({*map(type, values)})}
    if len(kinds) == 1:
        (kind,) = kinds
        return _of_kind(kind, values, depth)
    codes = numpy.fromiter(map(kinds.__getitem__, map(type, values)), numpy.int64, len(values))
    hashes = numpy.zeros(len(values), numpy.uint64)
    for kind, code in kinds.items():
        is_of_kind = codes == code
        some = list(compress(values, is_of_kind.tobytes()))
        try:
            hashes[is_of_kind] = _of_kind(kind, some, depth)
        except BadItem as error:
            position = int(numpy.flatnonzero(is_of_kind)[error.position])
            raise error.moved_to(position) from error
    return hashes


def _of_kind(kind: type, values: list[Any], depth: int) -> numpy.ndarray:
    if kind in _COLUMNS:
        try:
            return _as_column(kind, values)
        except (OverflowError, UnicodeEncodeError, pyarrow.ArrowException):
            fits = numpy.fromiter(map(_COLUMNS[kind][1], values), bool, len(values))
            hashes = numpy.fromiter(map(_one, values, range(len(values))), numpy.uint64)
            hashes[fits] = _as_column(kind, [values[n] for n in numpy.flatnonzero(fits)])
            return hashes
    if kind in _NESTED and depth < _DEPTH:
        return _nested(kind, values, depth)
    return numpy.fromiter(map(_one, values, range(len(values))), numpy.uint64, len(values))


def _as_column(kind: type, values: list[Any]) -> numpy.ndarray:
    return column_hashes(pyarrow.chunked_array([pyarrow.array(values, _COLUMNS[kind][0])]))


def _nested(kind: type, containers: list[Any], depth: int) -> numpy.ndarray:
    """From what they hold, its order, and the keys of dicts."""
    lengths = numpy.fromiter(map(len, containers), numpy.int64, len(containers))
    edges = numpy.concatenate([numpy.zeros(1, numpy.int64), numpy.cumsum(lengths)])
    inner = map(dict.values, containers) if kind is dict else containers
    try:
        words = value_hashes(list(chain.from_iterable(inner)), depth + 1)
        if kind is dict:
            keys = _key_hashes(list(chain.from_iterable(containers)), depth + 1)
            words = mixed(mixed(words) ^ keys)
    except BadItem as error:
        owner = numpy.searchsorted(edges, error.position, "right") - 1
        raise error.moved_to(int(owner)) from error
    positions = (numpy.arange(len(words)) - numpy.repeat(edges[:-1], lengths)).view(numpy.uint64)
    words = mixed(words ^ mixed(positions))
    sums = numpy.concatenate(
        [numpy.zeros(1, numpy.uint64), numpy.cumsum(words, dtype=numpy.uint64)]
    )
    return mixed((sums[edges[1:]] - sums[edges[:-1]]) ^ _NESTED[kind] ^ lengths.view(numpy.uint64))


def _key_hashes(keys: list[Any], depth: int) -> numpy.ndarray:
    """Mostly there are few, each of many dicts."""
    if {*map(type, keys)} != {str}:
        return value_hashes(keys, depth)
    different = list(dict.fromkeys(keys))
    hashes = dict(zip(different, value_hashes(different, depth).tolist(), strict=True))
    return numpy.fromiter(map(hashes.__getitem__, keys), numpy.uint64, len(keys))


def _one(value: Any, position: int) -> int:
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


def _always(_: Any) -> bool:
    return True


_COLUMNS: dict[type, tuple[pyarrow.DataType, Callable[[Any], bool]]] = {
    type(None): (pyarrow.null(), _always),
    bool: (pyarrow.bool_(), _always),
    int: (pyarrow.int64(), _INT64.__contains__),
    float: (pyarrow.float64(), _always),
    bytes: (pyarrow.large_binary(), _always),
    str: (pyarrow.large_string(), is_unicode),
}
"""Values of these types are hashed as Arrow's columns are, but for those that Arrow cannot hold."""
