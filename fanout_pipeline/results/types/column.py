"""From Python results to an Arrow column, exactly.

    results --infer--> values and their kind --arrow_types--> Column --write--> part

Integers that all fit are int64; where one does not, all of the part are decimal text. Other results
have the type that their values have in common, or the run ends: nothing is rounded or wrapped silently.
Plain numbers and texts take a short cut: their kind follows from the set of their types.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, cast

import numpy
import pyarrow

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types.arrow_types import from_python, integer_text, kind_of
from fanout_pipeline.results.types.buffer import ResultBuffer
from fanout_pipeline.results.types.kinds import INTEGER_KIND, NULL, Kind, MixedTypes


class Column(NamedTuple):
    """Results as Arrow stores them."""

    array: pyarrow.Array
    kind: Kind


def to_column(
    results: ResultBuffer | Sequence[Any] | pyarrow.Array, indexes: Iterable[int] | None = None
) -> Column:
    """The results as a column.

    None is a null. NumPy's numbers are the Python numbers that they equal, and so is a bool among
    integers. `indexes` are those of the items, for errors. Raises MixedTypes, a TypeError, if the
    results have no common kind, and TypeError if storing them would change them.
    """
    if isinstance(results, pyarrow.Array):
        return Column(results, kind_of(results.type))
    words: Any = _words(results)
    if words is not None:
        return Column(from_words(words, pyarrow.int64()), "int64")
    if isinstance(results, ResultBuffer):
        results = results.values()
    types = set(map(type, results))
    nulls = type(None) in types
    types -= {type(None)}
    if not types:
        return Column(pyarrow.nulls(len(results)), NULL)
    valid = _bits(result is not None for result in results) if nulls else None
    try:
        if _all(types, bool, numpy.bool_):
            buffers = [valid, _bits(map(bool, results))]
            return Column(
                pyarrow.Array.from_buffers(pyarrow.bool_(), len(results), buffers), "bool"
            )
        # NumPy counts its durations among its integers.
        if _all(types, int, numpy.integer, numpy.bool_) and numpy.timedelta64 not in types:
            return _integers(results, valid)
        if _all(types, float, numpy.float32, numpy.float16):
            words = array(
                "d", [0.0 if result is None else result for result in results] if nulls else results
            )
            return Column(from_words(words, pyarrow.float64(), valid), "double")
        if _all(types, str):
            return Column(_texts(results, valid), "large_string")
    except ValueError as error:  # half a surrogate pair
        raise _unfit(error) from None
    return _others(results, range(len(results)) if indexes is None else indexes)


def _words(results: ResultBuffer | Sequence[Any]) -> memoryview | array[int] | None:
    """Results that are all 64-bit integers; None for others, and if the first is not an int."""
    if isinstance(results, ResultBuffer):
        return results.words
    try:
        if len(results) == 0 or type(results[0]) is int:
            return array("q", cast("Sequence[int]", results))
    except (OverflowError, TypeError):
        pass
    return None


def _all(types: Iterable[type], *of: type) -> bool:
    return all(issubclass(one, of) for one in types)


def _others(results: Sequence[Any], indexes: Iterable[int]) -> Column:
    """Results that are neither all numbers nor all texts: lists, dicts, times, or a mix."""
    # Imported here: workers whose function returns numbers or texts do without.
    from fanout_pipeline.results.types.infer import infer

    try:
        values, kind = infer(results, indexes)
        return Column(from_python(values, kind), kind)
    except MixedTypes:
        raise
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _unfit(error) from None


def _unfit(why: object) -> TypeError:
    return TypeError(f"the results do not fit in one Parquet column: {printable(str(why))}")


def from_words(
    words: Any, stored: pyarrow.DataType, valid: pyarrow.Buffer | None = None
) -> pyarrow.Array:
    """An Arrow array on the buffer of 64-bit words, not copied.

    Not `pyarrow.array`, which imports pandas to see whether its argument is a Series: 0.3 s in
    every worker process. The same goes for `_bits` and `_texts`.
    """
    return pyarrow.Array.from_buffers(stored, len(words), [valid, pyarrow.py_buffer(words)])


def _integers(results: Sequence[int | None], valid: pyarrow.Buffer | None) -> Column:
    try:
        words = array("q", [0 if result is None else int(result) for result in results])
        return Column(from_words(words, pyarrow.int64(), valid), "int64")
    except OverflowError:
        texts = [None if result is None else integer_text(result) for result in results]
        return Column(_texts(texts, valid), INTEGER_KIND)


def _texts(texts: Sequence[str | None], valid: pyarrow.Buffer | None) -> pyarrow.Array:
    encoded = [(text or "").encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [valid, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(encoded), buffers)


def _bits(flags: Iterable[bool]) -> pyarrow.Buffer:
    return pyarrow.py_buffer(numpy.packbits(list(flags), bitorder="little"))
