"""A digest of ordered results that does not depend on how they were chunked.

Each item gives one 64-bit number, made from its index and its value; the digest is their sum
modulo 2**64, so the digests of parts add up to that of the whole (an additive set hash: Bellare
and Micciancio, "A new paradigm for collision-free hashing", 1997). It tells accidents apart, not
adversaries. The mixing function is splitmix64's (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy
import pyarrow

from fanout_pipeline.parts.column import is_integer_text, to_python

_GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)
_FIRST = numpy.uint64(0xBF58476D1CE4E5B9)
_SECOND = numpy.uint64(0x94D049BB133111EB)
# Half of a core's usual L2 cache in 8-byte words: three arrays of it stay in cache.
_BLOCK = 16_384
_INT64 = range(-(2**63), 2**63)


def mixed(words: numpy.ndarray) -> numpy.ndarray:
    """A bijection of 64-bit words in which every bit of the input moves every bit of the output."""
    words = words + _GOLDEN
    words ^= words >> numpy.uint64(30)
    words *= _FIRST
    words ^= words >> numpy.uint64(27)
    words *= _SECOND
    words ^= words >> numpy.uint64(31)
    return words


def value_hashes(column: pyarrow.Array, metadata: dict[bytes, bytes] | None) -> numpy.ndarray:
    """One uint64 a value. Equal integers hash alike however their part stores them."""
    if pyarrow.types.is_integer(column.type) and not column.null_count:
        wide = column if column.type == pyarrow.int64() else column.cast(pyarrow.int64())
        return mixed(_words(wide))
    if is_integer_text(metadata):
        values = to_python(column, metadata)
        hashes = numpy.array([_wide_hash(value) for value in values], numpy.uint64)
        fits = numpy.array([value in _INT64 for value in values])
        small = numpy.array([value for value in values if value in _INT64], numpy.int64)
        hashes[fits] = mixed(small.view(numpy.uint64))
        return hashes
    if pyarrow.types.is_float64(column.type) and not column.null_count:
        return mixed(_words(column))
    return numpy.array([_wide_hash(value) for value in column.to_pylist()], "uint64")


def digest(hashes: numpy.ndarray, first_index: int) -> str:
    """The digest, 16 hexadecimal digits, of consecutive items from index `first_index` on."""
    total = 0
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        first = first_index + start
        index = numpy.arange(first, first + len(block), dtype=numpy.uint64)
        total += int(mixed(block ^ (index * _GOLDEN)).sum(dtype=numpy.uint64))
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


def _wide_hash(value: object) -> int:
    # hex() has no limit of digits, str() has.
    text = hex(value) if isinstance(value, int) else repr(value)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
