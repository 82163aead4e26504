"""Frames and columns of pandas: through Arrow where that keeps every value as it is, else as Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.objects import InMemory
from fanout_pipeline.sources.rows import Rows
from fanout_pipeline.sources.source import ITEM, Source
from fanout_pipeline.sources.tables import Frame, chosen

if TYPE_CHECKING:
    import pandas

_EXACT = {"string", "bytes", "boolean", "integer", "date", "empty"}
"""What pandas calls the contents of an object column that Arrow gives back as they were."""
_SLICE_ROWS = 1000


def pandas_source(
    items: Any, name: str, columns: Sequence[str] | None, keep: Sequence[str]
) -> Source:
    """Through Arrow where that keeps every value as it is, else as Python objects."""
    import pandas
    import pyarrow

    if isinstance(items, pandas.Series | pandas.Index):
        if columns is not None:
            raise TypeError(f"columns={tuple(columns)} is for frames and tables, not for {name}.")
        frame, columns = pandas.DataFrame({ITEM: items.array}), (ITEM,)
    else:
        frame = items[chosen(list(items.columns), columns, keep)]
    frame = frame.reset_index(drop=True)
    if all(isinstance(one, str) and _is_exact(frame[one]) for one in frame.columns):
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
            pass
        else:
            return Frame(table.replace_schema_metadata(), name, columns)
    return InMemory(_Records(frame), name, columns)


def _is_exact(column: pandas.Series) -> bool:
    from pandas.api.types import infer_dtype

    return column.dtype != object or infer_dtype(column, skipna=True) in _EXACT


class _Records(Sequence[Any]):
    """The rows of a DataFrame that Arrow would not keep as they are."""

    def __init__(self, frame: pandas.DataFrame):
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            (row,) = self[position : position + 1 or None]
            return row
        part = self._frame.iloc[position]
        columns = [_as_python(part[name]) for name in part.columns]
        names = list(part.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _SLICE_ROWS):
            yield from self[start : start + _SLICE_ROWS]


def _as_python(column: pandas.Series) -> list[Any]:
    """The values with None for what is missing."""
    import pyarrow

    if _is_exact(column):
        try:
            array = pyarrow.chunked_array([pyarrow.array(column, from_pandas=True)])
            return list(Rows(pyarrow.table({ITEM: array}), plain=True))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
            pass
    missing = column.isna()
    return [None if gone else one for one, gone in zip(column.tolist(), missing, strict=True)]
