"""A digest of ordered results that does not depend on how they were chunked.

Each item gives one 64-bit number, made from its index and its value; the digest is their sum
modulo 2**64, so the digests of parts add up to that of the whole (an additive set hash: Bellare
and Micciancio, "A new paradigm for collision-free hashing", 1997). It tells accidents apart, not
adversaries. The mixing function is splitmix64's (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

import numpy
import pyarrow

from fanout_pipeline.results.types.arrow_types import to_python

_GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)
_FIRST = numpy.uint64(0xBF58476D1CE4E5B9)
_SECOND = numpy.uint64(0x94D049BB133111EB)
# Three arrays of it stay in a core's cache, and each is under the 128 KiB from which malloc fetches
# it from the system anew.
_BLOCK = 16_000
_RAMP = numpy.arange(_BLOCK, dtype=numpy.uint64) * _GOLDEN
_INT64 = range(-(2**63), 2**63)


def mixed(words: numpy.ndarray) -> numpy.ndarray:
    """A bijection of 64-bit words in which every bit of the input moves every bit of the output."""
    words = words + _GOLDEN
    shifted = words >> numpy.uint64(30)
    words ^= shifted
    words *= _FIRST
    words ^= numpy.right_shift(words, numpy.uint64(27), out=shifted)
    words *= _SECOND
    words ^= numpy.right_shift(words, numpy.uint64(31), out=shifted)
    return words


def column_digest(
    column: pyarrow.Array,
    metadata: dict[bytes, bytes] | None,
    first_index: int,
    indexes: numpy.ndarray | None = None,
) -> str:
    """The digest of a column's values, each block hashed and summed while it is in cache.

    `indexes` is for columns that leave some items out: the index of each value.
    """
    return combined(
        digest(
            value_hashes(column.slice(start, _BLOCK), metadata),
            first_index + start,
            None if indexes is None else indexes[start : start + _BLOCK],
        )
        for start in range(0, len(column), _BLOCK)
    )


def value_hashes(column: pyarrow.Array, metadata: dict[bytes, bytes] | None) -> numpy.ndarray:
    """One uint64 a value. Equal values of one kind hash alike however their part stores them."""
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int64())  # what it is among integers
    if column.type in (pyarrow.int64(), pyarrow.float64()) and not column.null_count:
        return mixed(_words(column))
    values = to_python(column, metadata)
    if pyarrow.types.is_nested(column.type):
        values = list(map(_regardless_of_part, values))
    is_word = [type(value) is float or (type(value) is int and value in _INT64) for value in values]
    hashes = numpy.zeros(len(values), numpy.uint64)
    for position, word in enumerate(is_word):
        if not word:
            hashes[position] = _other_hash(values[position])
    words = b"".join(
        struct.pack("<q" if type(value) is int else "<d", value)
        for value, word in zip(values, is_word, strict=True)
        if word
    )
    hashes[numpy.array(is_word, bool)] = mixed(numpy.frombuffer(words, "<u8"))
    return hashes


def digest(hashes: numpy.ndarray, first_index: int, indexes: numpy.ndarray | None = None) -> str:
    """The digest, 16 hexadecimal digits, of consecutive items from index `first_index` on.

    Of the items with these `indexes`, where they are given.
    """
    if indexes is not None:
        words = indexes.astype(numpy.uint64) * _GOLDEN
        words ^= hashes
        return _written(int(mixed(words).sum(dtype=numpy.uint64)))
    total = 0
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        # The index times the golden ratio, modulo 2**64.
        words = _RAMP[: len(block)] + numpy.uint64((first_index + start) * int(_GOLDEN) % 2**64)
        words ^= block
        total += int(mixed(words).sum(dtype=numpy.uint64))
    return _written(total)


def combined(digests: Iterable[str]) -> str:
    """The digest of the whole from those of its parts."""
    return _written(sum(int(part, 16) for part in digests))


def _written(total: int) -> str:
    return f"{total % 2**64:016x}"


def _words(column: pyarrow.Array) -> numpy.ndarray:
    # Not column.to_numpy(), which imports pandas: 0.3 s in every worker process.
    words = numpy.frombuffer(column.buffers()[1], numpy.uint64)
    return words[column.offset : column.offset + len(column)]


def _other_hash(value: object) -> int:
    # hex() has no limit of digits, str() has.
    text = hex(value) if type(value) is int else repr(value)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _regardless_of_part(value: object) -> object:
    """A nested value as it would be in a part with any others.

    There a dict may have more keys, which are null, in another order, and a bool may be the integer that
    it equals.
    """
    if isinstance(value, list):
        return [_regardless_of_part(inner) for inner in value]
    if isinstance(value, dict):
        return sorted(
            (key, _regardless_of_part(inner)) for key, inner in value.items() if inner is not None
        )
    if isinstance(value, int):
        return int(value) if value in _INT64 else (hex(value),)  # not a text, which may be a result
    return value
