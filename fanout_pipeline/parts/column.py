"""From Python results to an Arrow column and back, exactly.

Integers that all fit are int64. A part in which one does not is decimal text, marked in the
field's metadata: no fixed-width type of Parquet holds any integer (docs/decisions/integers.md).
Anything else is what Arrow infers, or an error: nothing is rounded or wrapped in silence.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pyarrow

INTEGER_TEXT = {b"fanout": b"integer"}
"""Metadata of a text field that holds integers."""


def to_column(results: Sequence[Any]) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    """The results as an Arrow array, and the metadata of its field.

    Raises TypeError where the results have no common Arrow type, or one that would change them.
    """
    first = type(results[0]) if len(results) else int
    try:
        if first is int:
            return from_words(array("q", results), pyarrow.int64()), {}
        if first is float and set(map(type, results)) == {float}:
            return from_words(array("d", results), pyarrow.float64()), {}
        if first is str and set(map(type, results)) == {str}:
            return _texts(results), {}
    except (OverflowError, TypeError):
        pass
    kinds = set(map(type, results)) - {type(None)}
    try:
        if kinds == {int}:
            return _integers(results)
        if len(kinds) > 1 and any(issubclass(kind, int) for kind in kinds):
            names = " and ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"the function returns {names}; return one type for every item")
        return pyarrow.array(results, from_pandas=False), {}
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError) as error:
        raise TypeError(f"the results do not fit in one Parquet column: {error}") from error


def from_words(words: Any, kind: pyarrow.DataType) -> pyarrow.Array:
    """An Arrow array on the buffer of 64-bit words, not copied.

    Not `pyarrow.array`, which imports pandas to see whether its argument is a Series: 0.3 s in
    every worker process.
    """
    return pyarrow.Array.from_buffers(kind, len(words), [None, pyarrow.py_buffer(words)])


def to_python(column: pyarrow.Array, metadata: dict[bytes, bytes] | None) -> list[Any]:
    """The Python values that `to_column` was given."""
    values = column.to_pylist()
    return list(map(_integer, values)) if is_integer_text(metadata) else values


def is_integer_text(metadata: dict[bytes, bytes] | None) -> bool:
    """Whether a field with this metadata holds integers as decimal text."""
    return metadata is not None and INTEGER_TEXT.items() <= metadata.items()


def _integers(results: Sequence[int | None]) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    try:
        return pyarrow.array(results, pyarrow.int64()), {}
    except OverflowError:
        if None in results:
            return pyarrow.array(map(_decimal_text, results), pyarrow.large_string()), INTEGER_TEXT
        return _texts([_decimal_text(value) or "" for value in results]), INTEGER_TEXT


def _texts(texts: Sequence[str]) -> pyarrow.Array:
    encoded = [text.encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(encoded), buffers)


def _decimal_text(value: int | None) -> str | None:
    # str() and int() stop at 4,300 digits (CVE-2020-10735); Decimal is exact and does not.
    if value is None:
        return None
    try:
        return str(value)
    except ValueError:
        return str(Decimal(value))


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return int(Decimal(text))
