"""From Python results to an Arrow column, exactly.

Integers that all fit are int64. A part in which one does not is decimal text (see `arrow_kinds`).
The type of anything else is what its values have in common (see `kinds`), or an error: nothing is
rounded or wrapped in silence.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, cast

import numpy
import pyarrow

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types.arrow_types import (
    INTEGER_TEXT,
    from_python,
    integer_text,
    metadata_of,
)
from fanout_pipeline.results.types.buffer import Results
from fanout_pipeline.results.types.kinds import NULL, Kind, MixedTypes, common


def to_column(
    results: Results | Sequence[Any], indexes: Iterable[int] | None = None
) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    """The results as an Arrow array, and the metadata of its field.

    None is a null. NumPy's numbers are the Python ones that they equal, and so is a bool among
    integers. `indexes` are those of the items, for errors. Raises MixedTypes, a TypeError, where the
    results have no common type, and TypeError where their type would change them.
    """
    words: Any = _words(results)
    if words is not None:
        return from_words(words, pyarrow.int64()), {}
    if isinstance(results, Results):
        results = results.values()
    types = set(map(type, results))
    nulls = type(None) in types
    types -= {type(None)}
    if not types:
        return pyarrow.nulls(len(results)), {}
    valid = _bits(result is not None for result in results) if nulls else None
    try:
        if _all(types, bool, numpy.bool_):
            buffers = [valid, _bits(map(bool, results))]
            return pyarrow.Array.from_buffers(pyarrow.bool_(), len(results), buffers), {}
        # NumPy's durations are a kind of its integers.
        if _all(types, int, numpy.integer, numpy.bool_) and numpy.timedelta64 not in types:
            return _integers(results, valid)
        if _all(types, float, numpy.float32, numpy.float16):
            words = array(
                "d", [0.0 if result is None else result for result in results] if nulls else results
            )
            return from_words(words, pyarrow.float64(), valid), {}
        if _all(types, str):
            return _texts(results, valid), {}
    except ValueError as error:  # half a surrogate
        raise _unfit(error) from None
    return _others(results, range(len(results)) if indexes is None else indexes)


def _words(results: Results | Sequence[Any]) -> memoryview | array[int] | None:
    """Results that are all integers of 64 bits; None for others, and for those that do not begin so."""
    if isinstance(results, Results):
        return results.words
    try:
        if len(results) == 0 or type(results[0]) is int:
            return array("q", cast("Sequence[int]", results))
    except (OverflowError, TypeError):
        pass
    return None


def _all(types: Iterable[type], *of: type) -> bool:
    return all(issubclass(one, of) for one in types)


def _others(
    results: Sequence[Any], indexes: Iterable[int]
) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    """Results that are not all numbers, nor all texts: lists, dicts, times, or a mix."""
    # Here, for workers whose function returns numbers or texts do without.
    from fanout_pipeline.results.types.infer import kind_of_value, plain

    kind: Kind = NULL
    values = []
    for index, result in zip(indexes, results, strict=True):
        try:
            value = plain(result)
            kind = common(kind, kind_of_value(value))
        except MixedTypes as error:
            raise error.met(f"item {index} is the first that differs") from None
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise _unfit(f"item {index}: {error}") from None
        values.append(value)
    try:
        return from_python(values, kind), metadata_of(kind)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unfit(error) from None


def _unfit(why: object) -> TypeError:
    return TypeError(f"the results do not fit in one Parquet column: {printable(str(why))}")


def from_words(
    words: Any, kind: pyarrow.DataType, valid: pyarrow.Buffer | None = None
) -> pyarrow.Array:
    """An Arrow array on the buffer of 64-bit words, not copied.

    Not `pyarrow.array`, which imports pandas to see whether its argument is a Series: 0.3 s in
    every worker process. Likewise `_bits` and `_texts`.
    """
    return pyarrow.Array.from_buffers(kind, len(words), [valid, pyarrow.py_buffer(words)])


def _integers(
    results: Sequence[int | None], valid: pyarrow.Buffer | None
) -> tuple[pyarrow.Array, dict[bytes, bytes]]:
    try:
        words = array("q", [0 if result is None else int(result) for result in results])
        return from_words(words, pyarrow.int64(), valid), {}
    except OverflowError:
        texts = [None if result is None else integer_text(result) for result in results]
        return _texts(texts, valid), INTEGER_TEXT


def _texts(texts: Sequence[str | None], valid: pyarrow.Buffer | None) -> pyarrow.Array:
    encoded = [(text or "").encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [valid, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(encoded), buffers)


def _bits(flags: Iterable[bool]) -> pyarrow.Buffer:
    return pyarrow.py_buffer(numpy.packbits(list(flags), bitorder="little"))
