"""Row groups of a Parquet input, decoded column by column; a process keeps the one that it has decoded last."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from fanout_pipeline.sources.parquet_errors import understood
from fanout_pipeline.sources.parquet_layout import Layout
from fanout_pipeline.sources.row_filter import RowFilter
from fanout_pipeline.sources.source import BadInput

if TYPE_CHECKING:
    import pyarrow


class _File:
    """A file that is being read. Its columns stay decoded until another row group is asked for."""

    def __init__(self, path: str, stamp: str):
        from pyarrow import parquet

        with understood(path):
            self._metadata = parquet.read_metadata(path)
        self._path = path
        self._stamp = stamp
        self._lock = threading.Lock()
        """Threads take turns: what one has decoded the next one needs as well."""
        self._group = -1
        self._columns: dict[str, pyarrow.ChunkedArray] = {}

    def columns(self, group: int, names: Sequence[str]) -> list[pyarrow.ChunkedArray]:
        """These columns of a row group. Raises BadInput."""
        with self._lock:
            if group != self._group:
                self._columns, self._group = {}, group
            missing = [name for name in names if name not in self._columns]
            if missing:
                table = self._decoded(group, missing)
                # More than was asked for where a name has a dot, which elsewhere leads into a struct.
                self._columns |= {name: table[name] for name in missing}
            return [self._columns[name] for name in names]

    def _decoded(self, group: int, names: list[str]) -> pyarrow.Table:
        from pyarrow import parquet

        with (
            understood(self._path, f"row group {group} of the file"),
            parquet.ParquetFile(self._path, metadata=self._metadata) as file,
        ):
            found = os.stat(self._path)
            if f"{found.st_size} {found.st_mtime_ns} {found.st_ino}" != self._stamp:
                raise BadInput(f"{self._path} was written to while it was read. Run again.")
            return file.read_row_group(group, columns=names)


@lru_cache(maxsize=1)
def _file(path: str, stamp: str) -> _File:
    return _File(path, stamp)


def group_columns(layout: Layout, group: int, schema: pyarrow.Schema) -> pyarrow.Table:
    """Columns of one row group, of the types that the whole input has. Raises BadInput."""
    import pyarrow

    file_number, number = layout.place(group)
    file = layout.files[file_number]
    in_file = [name for name in schema.names if name not in layout.keys]
    decoded = _file(file.path, file.stamp).columns(number, in_file) if in_file else []
    columns = dict(zip(in_file, decoded, strict=True))
    for key, values in zip(layout.keys, layout.partitions, strict=True):
        columns[key] = pyarrow.repeat(values[file_number], file.groups[number])
    with understood(file.path):
        return pyarrow.table([_as(columns[one.name], one.type) for one in schema], schema=schema)


def _as(column: pyarrow.ChunkedArray, kind: pyarrow.DataType) -> pyarrow.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


@lru_cache(maxsize=2)
def passing(layout: Layout, group: int, row_filter: RowFilter) -> pyarrow.ChunkedArray:
    """For each row of a row group whether it is an item; null stands for no. Raises BadInput."""
    import pyarrow

    schema = layout.schema(row_filter.columns(layout.alike))
    try:
        return row_filter.passing(group_columns(layout, group, schema))
    except (pyarrow.ArrowException, TypeError) as error:
        file = layout.files[layout.place(group)[0]]
        raise BadInput(
            f"The filter {row_filter!r} cannot be applied to {file.path}: {error}. It has "
            f"{', '.join(f'{field.name} ({field.type})' for field in layout.schema(layout.alike))}."
        ) from error


def passing_before(layout: Layout, row_filter: RowFilter) -> tuple[int, ...]:
    """How many items come before each row group, and in all: only what the filter looks at is read."""
    from pyarrow.compute import sum as total

    groups = range(len(layout.edges) - 1)
    counts = (total(passing(layout, group, row_filter)).as_py() or 0 for group in groups)
    return tuple(accumulate(counts, initial=0))
