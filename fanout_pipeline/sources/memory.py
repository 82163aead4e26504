"""The source of items that a program has: lists and other sequences, iterators, data frames, Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fanout_pipeline.sources.objects import InMemory, Integers
from fanout_pipeline.sources.source import Source


def as_source(items: Any, columns: Sequence[str] | None = None, keep: Sequence[str] = ()) -> Source:
    """The source of what a user has: rows of a frame or table as dicts, items of anything else as they are.

    `columns` of a frame or table: one gives its plain values, several give dicts of them. `keep`: those that
    `as_arrow` is to reach besides. Raises TypeError where there are no items to iterate over.
    """
    if isinstance(items, Source):
        return items
    if isinstance(items, str | bytes | bytearray | Mapping):
        raise TypeError(
            f"items is of type {type(items).__name__}, which may be one item itself. Give a list, or name a "
            "file with a source such as TextLines."
        )
    if _is_columnar(items):
        return _columnar(items, columns, keep)
    if columns is not None:
        raise TypeError(
            f"columns={tuple(columns)} is for frames and tables, not for items of type {type(items).__name__}."
        )
    if isinstance(items, range):
        return Integers(items)
    if not isinstance(items, Iterable):
        lazy = " Collect it first." if hasattr(items, "collect") else ""
        raise TypeError(
            f"items is of type {type(items).__name__}, which cannot be iterated over. "
            f"Give a list, a frame or a source.{lazy}"
        )
    return InMemory(items if _can_be_sliced(items) else list(items))


def _can_be_sliced(items: Iterable[Any]) -> bool:
    """Also of iterables that are no sequences: nobody slices them."""
    try:
        return not isinstance(items, Sequence) or len(items[:0]) == 0
    except Exception:  # a deque, or a class with a mere `__getitem__`
        return False


def _is_columnar(items: Any) -> bool:
    if any(
        hasattr(items, f"__{name}__") for name in ("arrow_c_stream", "arrow_c_array", "dataframe")
    ):
        return True
    # NumPy's dtypes of numbers and times; an array of objects is a sequence.
    dtype = getattr(items, "dtype", None)
    return getattr(items, "ndim", 0) == 1 and getattr(dtype, "kind", "O") in "biufmMSU"


def _columnar(items: Any, columns: Sequence[str] | None, keep: Sequence[str]) -> Source:
    """The source of a frame, a table, or a single column. Raises TypeError where a column is missing."""
    from fanout_pipeline.sources.pandas_tables import pandas_source
    from fanout_pipeline.sources.source import ITEM
    from fanout_pipeline.sources.tables import Frame, chosen

    name = f"the {type(items).__name__}"
    if type(items).__module__.partition(".")[0] == "pandas":
        return pandas_source(items, name, columns, keep)
    import pyarrow

    if hasattr(items, "dtype") and not hasattr(items, "__arrow_c_stream__"):  # NumPy
        return Frame(pyarrow.table({ITEM: pyarrow.array(items)}), name, (ITEM,))
    if isinstance(items, pyarrow.RecordBatchReader):
        return Frame(items, name, columns, chosen(items.schema.names, columns, keep))
    try:
        table = pyarrow.table(items)
    except (TypeError, ValueError, pyarrow.ArrowInvalid):  # One column: a Series, a chunked array.
        if not hasattr(items, "__arrow_c_stream__"):
            items = [pyarrow.array(items)]
        column = pyarrow.chunked_array(items)
        return Frame(pyarrow.table({ITEM: column}), name, (ITEM,))
    return Frame(table.select(chosen(table.column_names, columns, keep)), name, columns)
