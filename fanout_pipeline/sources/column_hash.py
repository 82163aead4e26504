"""A 64-bit hash of each value of an Arrow column, by NumPy, whatever the chunks, widths and units it is stored in.

Values that are equal as Python sees them have equal hashes: integers of every width, times of every unit, text in
a dictionary and by itself. The mixing function is that of splitmix64 (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pyarrow
from pyarrow import types

from fanout_pipeline.sources.object_hash import bytes_hash, object_hash, tagged_hash
from fanout_pipeline.sources.rows import Rows

_GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)
_FIRST = numpy.uint64(0xBF58476D1CE4E5B9)
_SECOND = numpy.uint64(0x94D049BB133111EB)
_BLOCK = 16_000
"""Arrays of so many words stay in a core's cache."""
_LONG_BYTES = 128
"""Longer text is hashed one by one, which then takes no longer than eight bytes of all at a time."""
_WORD_BYTES = 8
_MASKS = numpy.array([2 ** (8 * count) - 1 for count in range(_WORD_BYTES + 1)], numpy.uint64)
"""Leave so many of a word's bytes."""
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
_MICROSECOND = 1000
_DAY_MS = 86_400_000


def _salt(name: str) -> numpy.uint64:
    return numpy.uint64(tagged_hash("salt", name))


_NONE, _DICT, _INTEGER, _LARGE, _FLOAT, _BOOLEAN, _TEXT, _BYTES, _DATE, _TIME, _DURATION = (
    _salt(name)
    for name in (
        *("none", "dict", "int", "large", "float", "bool"),
        *("text", "bytes", "date", "time", "duration"),
    )
)
_NAN = numpy.uint64(0x7FF8000000000000)


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


def row_hashes(table: pyarrow.Table, plain: bool) -> numpy.ndarray:
    """One uint64 a row: of dicts with the names of the columns, or of the values of the only one."""
    if plain:
        return column_hashes(table.column(0))
    hashes = numpy.full(len(table), _DICT)
    for name, column in zip(table.column_names, table.itercolumns(), strict=True):
        words = column_hashes(column)
        salt = _salt(name)
        for start in range(0, len(hashes), _BLOCK):
            block = slice(start, start + _BLOCK)
            hashes[block] = mixed(hashes[block] ^ words[block] ^ salt)
    return hashes


def column_hashes(column: pyarrow.ChunkedArray) -> numpy.ndarray:
    """One uint64 a value."""
    blocks = [
        _hashes(chunk.slice(start, _BLOCK))
        for chunk in column.chunks
        for start in range(0, len(chunk), _BLOCK)
    ]
    return numpy.concatenate(blocks) if blocks else numpy.zeros(0, numpy.uint64)


def _hashes(array: pyarrow.Array) -> numpy.ndarray:
    """Of an array that is not empty."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    hashes = _valid_hashes(array)
    if array.null_count:
        hashes[~_bytes(array.is_valid()).view(bool)] = _NONE
    return hashes


def _valid_hashes(array: pyarrow.Array) -> numpy.ndarray:
    """Those of nulls are anything."""
    if array.null_count == len(array):
        return numpy.zeros(len(array), numpy.uint64)
    for is_of_kind, hashes in _KINDS:
        if is_of_kind(array.type):
            return hashes(array)
    values = Rows(pyarrow.table([array], names=["item"]), True)
    return numpy.fromiter(map(object_hash, values), numpy.uint64, len(array))


def _integer_hashes(array: pyarrow.Array) -> numpy.ndarray:
    sign = "i" if types.is_signed_integer(array.type) else "u"
    numbers = _numbers(array, sign)
    hashes = mixed(numbers.astype(numpy.uint64) ^ _INTEGER)
    if sign == "u":
        hashes[numbers >= 2**63] ^= _LARGE  # which as words are the negative ones
    return hashes


def _float_hashes(array: pyarrow.Array) -> numpy.ndarray:
    numbers = _numbers(array, "f").astype(numpy.float64)
    words = numbers.view(numpy.uint64)
    words[numpy.isnan(numbers)] = _NAN
    return mixed(words ^ _FLOAT)


def _boolean_hashes(array: pyarrow.Array) -> numpy.ndarray:
    return mixed(_bytes(array).astype(numpy.uint64) ^ _BOOLEAN)


def _date_hashes(array: pyarrow.Array) -> numpy.ndarray:
    unit = _DAY_MS if types.is_date64(array.type) else 1
    return mixed((_numbers(array, "i").astype(numpy.int64) // unit).view(numpy.uint64) ^ _DATE)


def _time_hashes(array: pyarrow.Array) -> numpy.ndarray:
    """Of microseconds, as Python's times have them, and of what nanoseconds there are besides."""
    kind = array.type
    salt = _DURATION if types.is_duration(kind) else _TIME
    if types.is_timestamp(kind):
        salt = _salt(f"timestamp {kind.tz}")
    numbers = _numbers(array, "i").astype(numpy.int64)
    unit = _NANOSECONDS[kind.unit]
    if unit >= _MICROSECOND:
        return mixed((numbers * (unit // _MICROSECOND)).view(numpy.uint64) ^ salt)
    whole, more = numpy.divmod(numbers, _MICROSECOND)
    hashes = mixed(whole.view(numpy.uint64) ^ salt)
    return numpy.where(more == 0, hashes, mixed(hashes ^ more.view(numpy.uint64)))


def _text_hashes(array: pyarrow.Array) -> numpy.ndarray:
    return _bytes_hashes(array.cast(pyarrow.large_string()), _TEXT)


def _binary_hashes(array: pyarrow.Array) -> numpy.ndarray:
    return _bytes_hashes(array.cast(pyarrow.large_binary()), _BYTES)


def _bytes_hashes(array: pyarrow.Array, salt: numpy.uint64) -> numpy.ndarray:
    """From eight bytes of all values at a time; of long ones by a hash function for bytes."""
    _, edges, buffer = array.buffers()
    edges = numpy.frombuffer(edges, numpy.int64)[array.offset : array.offset + len(array) + 1]
    lengths = numpy.diff(edges)
    hashes = mixed(lengths.view(numpy.uint64) ^ salt)
    data = bytes(memoryview(buffer or b"")[edges[0] : edges[-1]]) + bytes(_WORD_BYTES)
    starts = edges[:-1] - edges[0]
    is_long = lengths > _LONG_BYTES
    for row in numpy.flatnonzero(is_long):
        one = memoryview(data)[starts[row] : starts[row] + lengths[row]]
        hashes[row] ^= numpy.uint64(bytes_hash(one))
    # The words that begin at each of the bytes.
    words: Any = numpy.ndarray((len(data) - _WORD_BYTES + 1,), "<u8", data, 0, (1,))
    for begin in range(0, int(lengths.max(where=~is_long, initial=0)), _WORD_BYTES):
        rows: Any = numpy.flatnonzero((lengths > begin) & ~is_long)
        if len(rows) == len(lengths):
            rows = slice(None)
        left = numpy.minimum(lengths[rows] - begin, _WORD_BYTES)
        hashes[rows] = mixed(hashes[rows] ^ (words[starts[rows] + begin] & _MASKS[left]))
    return hashes


def _numbers(array: pyarrow.Array, sign: str) -> numpy.ndarray:
    """What is stored, without a copy, as integers with or without a sign ("i", "u") or floats ("f")."""
    # Not to_numpy(), which imports pandas.
    numbers = numpy.frombuffer(array.buffers()[1], f"{sign}{array.type.bit_width // 8}")
    return numbers[array.offset : array.offset + len(array)]


def _bytes(array: pyarrow.BooleanArray) -> numpy.ndarray:
    """Bits as bytes."""
    return _numbers(array.cast(pyarrow.uint8()), "u")


def _any_of(*kinds: Callable[[pyarrow.DataType], bool]) -> Callable[[pyarrow.DataType], bool]:
    return lambda found: any(is_kind(found) for is_kind in kinds)


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], numpy.ndarray]], ...] = (
    (types.is_integer, _integer_hashes),
    (types.is_floating, _float_hashes),
    (types.is_boolean, _boolean_hashes),
    (_any_of(types.is_string, types.is_large_string, types.is_string_view), _text_hashes),
    (_any_of(types.is_binary, types.is_large_binary, types.is_binary_view), _binary_hashes),
    (types.is_date, _date_hashes),
    (_any_of(types.is_timestamp, types.is_time, types.is_duration), _time_hashes),
)
"""How values of these types are hashed, all at a time; those of others become Python objects."""
