"""From Python results to an Arrow column, exactly.

    results --by the set of their types--> numbers, texts: buffers --> Column --write--> part
                                           lists, dicts: a Column of what they hold
                                           others: infer --> arrow_types

Integers that all fit are int64; where one does not, all of the part are decimal text. Other results
have the type that their values have in common, or the run ends: nothing is rounded or wrapped silently.
What dicts and lists hold is made a column as results are, not value by value. Where that fails, `infer`
looks at each value and names the item.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any, NamedTuple, cast

import numpy
import pyarrow

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types import arrow_types
from fanout_pipeline.results.types.arrow_types import from_python, integer_text, kind_of, type_of
from fanout_pipeline.results.types.buffer import ResultBuffer
from fanout_pipeline.results.types.kinds import INTEGER_KIND, NULL, Kind, MixedTypes
from fanout_pipeline.results.types.plain import LEAVES, plain, unwrapped

_MAY_BE_MISSING = int(pyarrow.__version__.partition(".")[0]) >= 26
"""Whether lists of a fixed length are read from Parquet where some are missing."""


class Column(NamedTuple):
    """Results as Arrow stores them."""

    array: pyarrow.Array
    kind: Kind


def to_column(
    results: ResultBuffer | Sequence[Any] | pyarrow.Array,
    indexes: Iterable[int] | None = None,
    stated: Kind | None = None,
) -> Column:
    """The results as a column, of the kind that is stated or that they have in common.

    None is a null. NumPy's numbers are the Python numbers that they equal, and so is a bool among
    integers. `indexes` are those of the items, for errors. Raises MixedTypes, a TypeError, if the
    results have no common kind, and TypeError if storing them would change them.
    """
    if isinstance(results, pyarrow.Array):
        return _from_arrow(results, stated)
    words: Any = _words(results)
    if words is not None and stated in (None, "int64"):
        return Column(from_words(words, pyarrow.int64()), "int64")
    if isinstance(results, ResultBuffer):
        results = results.values()
    try:
        column = _column(results)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        if stated is None:
            return _by_value(results, range(len(results)) if indexes is None else indexes)
    else:
        if stated in (None, column.kind):
            return column
    return Column(from_python([plain(result) for result in results], stated), stated)


def _from_arrow(results: pyarrow.Array, stated: Kind | None) -> Column:
    """What a batch function returned, of one type a kind."""
    kind = kind_of(results.type)
    try:
        return Column(arrow_types.cast(results, kind, stated or kind), stated or kind)
    except pyarrow.ArrowException:
        return Column(results, kind)  # Parquet will not hold it.


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


def _column(values: Sequence[Any]) -> Column:
    """Values as a column. Raises whatever where they have no kind in common."""
    types = set(map(type, values))
    nulls = type(None) in types
    types -= {type(None)}
    if not types:
        return Column(pyarrow.nulls(len(values)), NULL)
    valid = _bits(value is not None for value in values) if nulls else None
    if _all(types, bool, numpy.bool_):
        buffers = [valid, _bits(map(bool, values))]
        return Column(pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), buffers), "bool")
    # NumPy counts its durations among its integers.
    if _all(types, int, numpy.integer, numpy.bool_) and numpy.timedelta64 not in types:
        return _integers(values, valid)
    if _all(types, float, numpy.float32, numpy.float16):
        words = array(
            "d", [0.0 if value is None else value for value in values] if nulls else values
        )
        return Column(from_words(words, pyarrow.float64(), valid), "double")
    if _all(types, str):
        return Column(_texts(values, valid), "large_string")
    if types == {numpy.ndarray} and all(value is None or value.ndim for value in values):
        return _arrays(values, valid)
    if not types <= LEAVES:
        values = list(map(unwrapped, values))
        types = set(map(type, values)) - {type(None)}
    if types == {dict}:
        return _dicts(values, valid)
    if types == {list}:
        return _lists(values, valid)
    # Imported here: workers whose function returns numbers or texts do without.
    from fanout_pipeline.results.types.infer import infer

    values, kind = infer(values, range(len(values)))
    return Column(from_python(values, kind), kind)


def _all(types: Iterable[type], *of: type) -> bool:
    return all(issubclass(one, of) for one in types)


def _dicts(dicts: Sequence[dict[Any, Any] | None], valid: pyarrow.Buffer | None) -> Column:
    present = [one for one in dicts if one is not None]
    keys = dict.fromkeys(chain.from_iterable(present))
    if not _all(set(map(type, keys)), str):
        raise TypeError("keys must be strings")
    if not keys:
        return Column(from_python(list(dicts), {}), {})
    columns = {}
    for key in keys:
        try:
            values = list(map(itemgetter(key), dicts))  # type: ignore[arg-type]
        except (KeyError, TypeError):
            values = [None if one is None else one.get(key) for one in dicts]
        columns[key] = _column(values)
    kind = {key: column.kind for key, column in columns.items()}
    children = [column.array for column in columns.values()]
    return Column(_nested(kind, len(dicts), [valid], children), kind)


def _lists(lists: Sequence[list[Any] | None], valid: pyarrow.Buffer | None) -> Column:
    lengths = (0 if one is None else len(one) for one in lists)
    offsets = array("i", accumulate(lengths, initial=0))
    inner = _column(list(chain.from_iterable(one for one in lists if one is not None)))
    kind = [inner.kind]
    buffers = [valid, pyarrow.py_buffer(offsets)]
    return Column(_nested(kind, len(lists), buffers, [inner.array]), kind)


def _arrays(arrays: Sequence[Any], valid: pyarrow.Buffer | None) -> Column:
    """NumPy arrays of at least one dimension: lists, of a fixed length where all have the same.

    Where one is missing, too, but not with pyarrow before 26, which does not read that back from Parquet.
    """
    lengths = {len(one) for one in arrays if one is not None}
    (length,) = lengths if len(lengths) == 1 else (0,)
    if not length or (valid is not None and not _MAY_BE_MISSING):
        return _lists([None if one is None else unwrapped(one) for one in arrays], valid)
    forms = {(one.dtype, one.shape) for one in arrays if one is not None}
    inner = None
    if len(forms) == 1:
        ((dtype, shape),) = forms
        blank = numpy.zeros(shape, dtype)
        inner = _from_numpy(numpy.concatenate([blank if one is None else one for one in arrays]))
    if inner is None:
        nothing = [None] * length
        inner = _column(
            list(chain.from_iterable(nothing if a is None else unwrapped(a) for a in arrays))
        )
    kind = [inner.kind, length]
    return Column(_nested(kind, len(arrays), [valid], [inner.array]), kind)


def _from_numpy(values: numpy.ndarray) -> Column | None:
    """A column of an array's elements; None where they are not plain numbers of at most 64 bits."""
    if values.dtype.kind not in "bif" or values.dtype.itemsize > 8 or not values.size:
        return None
    if values.ndim > 1:
        inner = _from_numpy(values.reshape(-1, *values.shape[2:]))
        assert inner is not None
        kind = [inner.kind, values.shape[1]]
        return Column(_nested(kind, len(values), [None], [inner.array]), kind)
    if values.dtype.kind == "b":
        buffers = [None, _bits(values)]
        return Column(pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), buffers), "bool")
    if values.dtype.kind == "i":
        return Column(from_words(values.astype(numpy.int64), pyarrow.int64()), "int64")
    return Column(from_words(values.astype(numpy.float64), pyarrow.float64()), "double")


def _nested(
    kind: Kind, length: int, buffers: list[pyarrow.Buffer | None], children: list[pyarrow.Array]
) -> pyarrow.Array:
    return pyarrow.Array.from_buffers(type_of(kind), length, buffers, children=children)


def _by_value(results: Sequence[Any], indexes: Iterable[int]) -> Column:
    """The same by looking at each value, for the error that says which is wrong."""
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


def _integers(results: Sequence[Any], valid: pyarrow.Buffer | None) -> Column:
    try:
        words = array("q", [0 if result is None else int(result) for result in results])
        return Column(from_words(words, pyarrow.int64(), valid), "int64")
    except OverflowError:
        texts = [None if result is None else integer_text(result) for result in results]
        return Column(_texts(texts, valid), INTEGER_KIND)


def _texts(texts: Sequence[Any], valid: pyarrow.Buffer | None) -> pyarrow.Array:
    encoded = [(text or "").encode() for text in texts]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [valid, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(encoded), buffers)


def _bits(flags: Iterable[bool]) -> pyarrow.Buffer:
    return pyarrow.py_buffer(numpy.packbits(numpy.fromiter(flags, bool), bitorder="little"))
