"""What batch functions return as columns that parts take, put together from those of parts of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def as_column(results: Any) -> Any:
    """What a batch function may return as what parts take.

    A Series, a NumPy or Arrow array, or a list; a DataFrame or an Arrow table is a dict for each row.
    """
    import numpy
    import pyarrow

    if hasattr(results, "columns") and hasattr(results, "to_dict"):  # a DataFrame
        frame, results = results, pyarrow.Table.from_pandas(results, preserve_index=False)
        for number, dtype in enumerate(frame.dtypes):
            # NaN is a number in it, as in a Series.
            if isinstance(dtype, numpy.dtype) and dtype.kind == "f":
                column = pyarrow.array(frame.iloc[:, number], from_pandas=False)
                results = results.set_column(number, results.schema.names[number], column)
    if isinstance(results, pyarrow.Table | pyarrow.RecordBatch):
        results = results.to_struct_array()
    if isinstance(results, pyarrow.ChunkedArray):
        return results.combine_chunks()
    dtype = getattr(results, "dtype", None)
    if dtype is None or isinstance(results, pyarrow.Array):
        return results
    if dtype.kind == "O":
        if isinstance(dtype, numpy.dtype):
            return list(results)
        # pandas' own dtypes of Python values, that of str among them, say themselves what is missing.
        missing = results.isna()
        return [None if gone else value for value, gone in zip(results, missing, strict=True)]
    return pyarrow.array(results, from_pandas=False)


def joined(columns: list[Any]) -> Any:
    """Columns in one, of the type that they have in common; None stands for one null."""
    import pyarrow

    kinds = {getattr(column, "type", list) for column in columns if column is not None}
    if len(kinds) == 1 and (kind := kinds.pop()) is not list:
        null = pyarrow.nulls(1, kind)
        return pyarrow.concat_arrays([null if one is None else one for one in columns])
    values: list[Any] = []
    for one in columns:
        values += [None] if one is None else getattr(one, "to_pylist", lambda: one)()  # noqa: B023
    return values


def with_nulls(column: Any, positions: Iterable[int]) -> Any:
    """The column with a null inserted at each of these positions, ascending."""
    import pyarrow

    nulls = dict.fromkeys(positions)
    if isinstance(column, pyarrow.Array):
        return column.take(pyarrow.array(_put_in(range(len(column)), nulls), pyarrow.int64()))
    return _put_in(column, nulls)


def _put_in(values: Sequence[Any], others: Mapping[int, Any]) -> list[Any]:
    """The values with others inserted, so that each of those has the position that it is keyed by.

    The positions ascend.
    """
    whole: list[Any] = []
    taken = 0
    for number, (position, other) in enumerate(others.items()):
        whole += values[taken : position - number]
        whole.append(other)
        taken = position - number
    whole += values[taken:]
    return whole
