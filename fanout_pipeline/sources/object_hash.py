"""A 64-bit hash of a Python value: the same in every process, and different, up to chance, for another value or type.

What counts is what Python sees: 1, 1.0, True and "1" differ, 0.0 and -0.0 do, every NaN is like every other. The
order of a dict's keys counts, for a function can see it; that of a set's elements does not.
"""

from __future__ import annotations

import copyreg
import hashlib
import marshal
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import PosixPath, PurePosixPath
from types import BuiltinFunctionType, FunctionType
from typing import Any
from uuid import UUID

_LEAVES = frozenset({int, float, complex, str, bytes, bool, type(None)})
_PLAIN = _LEAVES | {dict, list, tuple, set, frozenset}
_SHOWN: dict[type, Callable[[Any], str]] = {
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: str,
    UUID: str,
    PosixPath: str,
    PurePosixPath: str,
}
"""Types whose values their text tells, sooner than what pickle has of them, and in every version of Python."""
_TAG = ...
"""Begins what stands for a value of a type that marshal does not know; Ellipsis itself is such a value."""


def object_hash(value: Any) -> int:
    """Raises TypeError for what cannot be taken to pieces, as pickle does, or is nested too deeply."""
    try:
        return _hash_of(value if _is_plain(value) else _plain(value))
    except (RecursionError, ValueError) as error:
        raise TypeError(f"it is nested too deeply, or holds itself ({error})") from None


def tagged_hash(tag: str, text: str) -> int:
    """That of a text which stands for something that is no text."""
    return _hash_of((_TAG, tag, text))


def bytes_hash(data: Any) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _hash_of(plain: Any) -> int:
    # The only version of marshal's format in which equal values have equal bytes: later ones have references.
    return bytes_hash(marshal.dumps(plain, 0))


def _is_plain(value: Any) -> bool:
    """Whether marshal writes all of it as what it is. It takes whatever has a buffer for bytes."""
    kind = type(value)
    if kind in _LEAVES:
        return True
    if kind is dict:
        return _are_plain(value) and _are_plain(value.values())
    return kind in _PLAIN and _are_plain(value)


def _are_plain(values: Any) -> bool:
    kinds = {*map(type, values)}
    return kinds <= _LEAVES or (kinds <= _PLAIN and all(map(_is_plain, values)))


def _plain(value: Any) -> Any:
    """Something plain that stands for this value and for no other."""
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is list:
        return list(map(_plain, value))
    if kind is tuple:
        return tuple(map(_plain, value))
    if kind is dict:
        return {_hashable(key): _plain(one) for key, one in value.items()}
    if kind in (set, frozenset):
        return _TAG, kind.__name__, sorted(marshal.dumps(_plain(one), 0) for one in value)
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return _TAG, "", value.__module__, value.__qualname__
    if kind in _SHOWN and getattr(value, "tzinfo", None) is None:
        return _TAG, kind.__name__, _SHOWN[kind](value), getattr(value, "fold", 0)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__ == "numpy" and hasattr(value, "tobytes") and not value.dtype.hasobject:
        return _TAG, name, repr(value.dtype), value.shape, value.tobytes()
    return _TAG, name, _reduced(value)


def _hashable(key: Any) -> Any:
    return key if type(key) in _LEAVES else (_TAG, marshal.dumps(_plain(key), 0))


def _reduced(value: Any) -> Any:
    """What pickle would make the value of."""
    reduce = copyreg.dispatch_table.get(type(value))
    made: Any = reduce(value) if reduce is not None else value.__reduce_ex__(4)
    if isinstance(made, str):
        return made
    function, arguments, *more = made
    state, elements, pairs = (*more, None, None, None)[:3]
    return _plain((function, arguments, state, list(elements or ()), list(pairs or ())))
