"""From Python results to an Arrow column and back, exactly.

Integers that all fit are int64. A part in which one does not is decimal text, marked in the
field's metadata: no fixed-width type of Parquet holds any integer (docs/decisions/integers.md).
Anything else is what Arrow infers, or an error: nothing is rounded or wrapped in silence.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.parts.visible import visible

INTEGER_TEXT = {b"fanout": b"integer"}
"""Metadata of a text field that holds integers."""


class Results:
    """Results as the calls give them, kept as 64-bit words for as long as these hold them all.

    A block of some thousand is packed while it is in the processor's cache. Python integers that
    are kept for a chunk's end cost 40 bytes each, and twice the time.
    """

    def __init__(self, expected: int):
        self._words = numpy.empty(expected, numpy.int64)
        self._length = 0
        self._values: list[Any] | None = None
        """All results, where one is no integer or too large."""

    def __len__(self) -> int:
        return self._length

    def append(self, result: Any) -> None:
        self._append([result])

    def extend(self, results: Iterable[Any]) -> None:
        """Append all; where the iterable raises, those that it gave before."""
        block: list[Any] = []
        try:
            block += results
        finally:
            self._append(block)

    def column(self) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
        """What `to_column` makes of a list of them."""
        if self._values is not None:
            return to_column(self._values)
        return from_words(self._words[: self._length], pyarrow.int64()), {}

    def _append(self, block: list[Any]) -> None:
        if self._values is None and not self._pack(block):
            self._values = self._words[: self._length].tolist()
        if self._values is not None:
            self._values += block
        self._length += len(block)

    def _pack(self, block: list[Any]) -> bool:
        if not self._length and block and type(block[0]) is not int:
            return False
        try:
            struct.pack_into(f"{len(block)}q", self._words.data, 8 * self._length, *block)
        except struct.error:
            return False
        return True


def to_column(results: Sequence[Any]) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    """The results as an Arrow array, and the metadata of its field.

    None is a null. A bool among integers is stored as the integer that it equals. Raises
    TypeError where the results have no common type, or one that would change them.
    """
    try:
        if len(results) == 0 or type(results[0]) is int:
            return from_words(array("q", results), pyarrow.int64()), {}
    except (OverflowError, TypeError):
        pass
    kinds = set(map(type, results))
    nulls = type(None) in kinds
    kinds -= {type(None)}
    if not kinds:
        return pyarrow.nulls(len(results)), {}
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"the function returns {names}; return one type for every item")
    valid = _bits(result is not None for result in results) if nulls else None
    try:
        if kinds == {int}:
            return _integers(results, valid)
        if kinds == {float}:
            words = array(
                "d", [0.0 if result is None else result for result in results] if nulls else results
            )
            return from_words(words, pyarrow.float64(), valid), {}
        if kinds == {bool}:
            buffers = [valid, _bits(map(bool, results))]
            return pyarrow.Array.from_buffers(pyarrow.bool_(), len(results), buffers), {}
        if kinds == {str}:
            return _texts(results, valid), {}
        return pyarrow.array(results, from_pandas=False), {}
    except (pyarrow.ArrowException, OverflowError, ValueError) as error:
        raise TypeError(
            f"the results do not fit in one Parquet column: {visible(str(error))}"
        ) from None


def from_words(
    words: Any, kind: pyarrow.DataType, valid: pyarrow.Buffer | None = None
) -> pyarrow.Array:
    """An Arrow array on the buffer of 64-bit words, not copied.

    Not `pyarrow.array`, which imports pandas to see whether its argument is a Series: 0.3 s in
    every worker process. Likewise `_bits` and `_texts`.
    """
    return pyarrow.Array.from_buffers(kind, len(words), [valid, pyarrow.py_buffer(words)])


def to_python(column: pyarrow.Array, metadata: dict[bytes, bytes] | None) -> list[Any]:
    """The Python values that `to_column` was given."""
    values = column.to_pylist()
    return list(map(_integer, values)) if is_integer_text(metadata) else values


def is_integer_text(metadata: dict[bytes, bytes] | None) -> bool:
    """Whether a field with this metadata holds integers as decimal text."""
    return metadata is not None and INTEGER_TEXT.items() <= metadata.items()


def _integers(
    results: Sequence[int | None], valid: pyarrow.Buffer | None
) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    try:
        words = array("q", [result or 0 for result in results])
        return from_words(words, pyarrow.int64(), valid), {}
    except OverflowError:
        return _texts([_decimal_text(result or 0) for result in results], valid), INTEGER_TEXT


def _texts(texts: Sequence[str | None], valid: pyarrow.Buffer | None) -> pyarrow.Array:
    encoded = [(text or "").encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [valid, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(encoded), buffers)


def _bits(flags: Iterable[bool]) -> pyarrow.Buffer:
    return pyarrow.py_buffer(numpy.packbits(list(flags), bitorder="little"))


def _decimal_text(value: int) -> str:
    # str() and int() stop at 4,300 digits (CVE-2020-10735); Decimal is exact and does not.
    try:
        return str(value)
    except ValueError:
        from decimal import Decimal

        return str(Decimal(value))


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        from decimal import Decimal

        return int(Decimal(text))
