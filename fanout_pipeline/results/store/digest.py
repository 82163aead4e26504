"""A digest of ordered results that does not depend on how they were cut into parts.

Each item contributes a 64-bit number, made from its index and its value. The digest is their sum modulo
2**64, so the digests of parts add up to that of the whole (an additive set hash: Bellare and
Micciancio, "A new paradigm for collision-free hashing", 1997). It detects accidents, not attacks. The
mixing function is that of splitmix64 (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

import numpy
import pyarrow

from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.types.column import Column
from fanout_pipeline.results.types.kinds import Kind

_GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)
_FIRST = numpy.uint64(0xBF58476D1CE4E5B9)
_SECOND = numpy.uint64(0x94D049BB133111EB)
# Three arrays of this length stay in a core's cache, and each is smaller than the 128 KiB from which
# malloc asks the system for new memory every time.
_BLOCK = 16_000
_RAMP = numpy.arange(_BLOCK, dtype=numpy.uint64) * _GOLDEN
_INT64 = range(-(2**63), 2**63)


def mixed(words: numpy.ndarray) -> numpy.ndarray:
    """A bijection of 64-bit words in which every bit of the input affects every bit of the output."""
    words = words + _GOLDEN
    shifted = words >> numpy.uint64(30)
    words ^= shifted
    words *= _FIRST
    words ^= numpy.right_shift(words, numpy.uint64(27), out=shifted)
    words *= _SECOND
    words ^= numpy.right_shift(words, numpy.uint64(31), out=shifted)
    return words


def column_digest(column: Column, first_index: int, indexes: numpy.ndarray | None = None) -> str:
    """The digest of a column's values, each block hashed and summed while it is in cache.

    `indexes`, for columns that leave some items out, are those of the values.
    """
    return combined(
        digest(
            value_hashes(column.array.slice(start, _BLOCK), column.kind),
            first_index + start,
            None if indexes is None else indexes[start : start + _BLOCK],
        )
        for start in range(0, len(column.array), _BLOCK)
    )


def value_hashes(column: pyarrow.Array, kind: Kind) -> numpy.ndarray:
    """One uint64 per value. Equal values have equal hashes, however their part stores them.

    A dict without any value but None has the hash of None: as columns of their own its fields do not
    tell the two apart.
    """
    if isinstance(kind, dict):
        return _dict_hashes(column, kind)
    if isinstance(kind, list):
        return _list_hashes(column, kind)
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int64())  # which is what a bool is among integers
    if column.type in (pyarrow.int64(), pyarrow.float64()):
        hashes = mixed(_words(column))
        if column.null_count:
            hashes[~_valid(column)] = _NONE
        return hashes
    values = to_python(column, kind)
    if kind == "large_string":
        return numpy.fromiter(map(_other_hash, values), numpy.uint64, len(values))
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


def _dict_hashes(column: pyarrow.Array, kind: dict[str, Kind]) -> numpy.ndarray:
    """From the fields that are not null, in whatever order."""
    sums = numpy.zeros(len(column), numpy.uint64)
    has_any = numpy.zeros(len(column), bool)
    for field, child in zip(column.type, column.flatten() if kind else (), strict=bool(kind)):
        valid = _valid(child)
        hashes = value_hashes(child, kind[field.name])
        sums[valid] += mixed(hashes[valid] ^ numpy.uint64(_other_hash(field.name)))
        has_any |= valid
    return numpy.where(has_any, mixed(sums), _NONE)


def _list_hashes(column: pyarrow.Array, kind: list[Kind]) -> numpy.ndarray:
    """From the elements and their positions."""
    if pyarrow.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        edges = size * numpy.arange(column.offset, column.offset + len(column) + 1)
    else:
        is_large = pyarrow.types.is_large_list(column.type)
        edges = numpy.frombuffer(column.buffers()[1] or b"\0" * 8, "i8" if is_large else "i4")
        edges = edges[column.offset : column.offset + len(column) + 1].astype(numpy.int64)
    lengths = numpy.diff(edges)
    elements = column.values.slice(edges[0], edges[-1] - edges[0])
    positions = numpy.arange(len(elements)) - numpy.repeat(edges[:-1] - edges[0], lengths)
    words = value_hashes(elements, kind[0]) ^ positions.astype(numpy.uint64) * _GOLDEN
    sums = numpy.concatenate([numpy.zeros(1, numpy.uint64), numpy.cumsum(mixed(words))])
    edges = edges - edges[0]
    hashes = mixed(sums[edges[1:]] - sums[edges[:-1]] + lengths.astype(numpy.uint64))
    return numpy.where(_valid(column), hashes, _NONE)


def digest(hashes: numpy.ndarray, first_index: int, indexes: numpy.ndarray | None = None) -> str:
    """The digest, 16 hexadecimal digits, of the items from `first_index` on, or of those with `indexes`."""
    if indexes is not None:
        words = indexes.astype(numpy.uint64) * _GOLDEN
        words ^= hashes
        return _hexadecimal(int(mixed(words).sum(dtype=numpy.uint64)))
    total = 0
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        # The index times the golden ratio, modulo 2**64.
        words = _RAMP[: len(block)] + numpy.uint64((first_index + start) * int(_GOLDEN) % 2**64)
        words ^= block
        total += int(mixed(words).sum(dtype=numpy.uint64))
    return _hexadecimal(total)


def combined(digests: Iterable[str]) -> str:
    """The digest of the whole from those of its parts."""
    return _hexadecimal(sum(int(part, 16) for part in digests))


def _hexadecimal(total: int) -> str:
    return f"{total % 2**64:016x}"


def _words(column: pyarrow.Array) -> numpy.ndarray:
    # Not column.to_numpy(), which imports pandas: 0.3 s in every worker process.
    words = numpy.frombuffer(column.buffers()[1], numpy.uint64)
    return words[column.offset : column.offset + len(column)]


def _valid(column: pyarrow.Array) -> numpy.ndarray:
    """Which values are not null."""
    if column.null_count == len(column):
        return numpy.zeros(len(column), bool)
    bits = column.buffers()[0]
    if bits is None or not column.null_count:
        return numpy.ones(len(column), bool)
    unpacked = numpy.unpackbits(numpy.frombuffer(bits, numpy.uint8), bitorder="little")
    return unpacked[column.offset : column.offset + len(column)].astype(bool)


def _other_hash(value: object) -> int:
    # str() refuses integers of many digits, hex() does not.
    text = hex(value) if type(value) is int else repr(value)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


_NONE = numpy.uint64(_other_hash(None))
