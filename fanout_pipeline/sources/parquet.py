"""Parquet files: their rows, or the values of one column, cut by the footers and decoded by row group.

The unit of the source is the row, over all files in the order of their paths; it is cut at the edges of row groups
where these are about as large as chunks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from fanout_pipeline.sources.columns import names_given
from fanout_pipeline.sources.many_files import change, look
from fanout_pipeline.sources.parquet_groups import group_columns, passing, passing_before
from fanout_pipeline.sources.parquet_hash import content_hash
from fanout_pipeline.sources.parquet_layout import GroupRange, Layout, layout_of
from fanout_pipeline.sources.row_filter import RowFilter
from fanout_pipeline.sources.rows import Rows, to_pandas
from fanout_pipeline.sources.source import ITEM, Chunk, Items, Source, Unreadable, Version
from fanout_pipeline.sources.url import path_here

if TYPE_CHECKING:
    import numpy
    import pyarrow


@dataclass(frozen=True, slots=True)
class Parquet(Source):
    """The source `path`: a Parquet file, a folder of them or a glob. An item is a row as a dict, or a plain value.

    Folders named like `country=de` below the one that is named are columns of text.
    """

    path: str
    columns: Sequence[str] | None = None
    """The columns that items have; no others are read. Of exactly one, items are its values. None stands for all."""
    filter: Any = None
    """Which rows are items: a `pyarrow.compute` expression, or conditions as in `[("amount", ">", 0)]`, of any column."""
    layout: Layout | None = field(default=None, compare=False, repr=False, kw_only=True)
    """The files and row groups, once the input was examined."""
    passed: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """How many items come before each row group and in all, once a filtered input was examined."""

    UNIT: ClassVar[str] = "rows"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", path_here(self.path, "Parquet"))
        if self.columns is not None:
            object.__setattr__(self, "columns", names_given("columns", self.columns))
        if self.filter is not None:
            object.__setattr__(self, "filter", RowFilter.of(self.filter))

    def version(self) -> Version:
        listing = look(self.path, "rows")
        token = listing.version().token
        layout = layout_of(self.path, token)
        layout.schema(self.columns)
        return Version(token, layout.rows)

    def examine(self) -> Version:
        version = self.version()
        layout = layout_of(self.path, version.token)
        passed: tuple[int, ...] = ()
        looked_at = self.columns
        if self.filter is not None:
            passed = passing_before(layout, self.filter)
            if self.columns is not None:
                looked_at = (*self.columns, *self.filter.columns(layout.alike))
        return replace(
            version,
            hash=content_hash(layout, looked_at),
            items=passed[-1] if passed else version.size,
            counts=passed,
        )

    def examined(self, version: Version) -> Self:
        layout = layout_of(self.path, version.token)
        return replace(self, layout=layout, passed=tuple(version.counts))

    def hashing(self, names: Sequence[str]) -> Self:
        if self.columns is None:
            return self
        return replace(self, columns=tuple(dict.fromkeys((*self.columns, *names))))

    def chunks(self, wanted: int) -> tuple[Chunk, ...]:
        layout = self._layout()
        size, wanted = layout.rows, max(1, min(wanted, layout.rows))
        cuts = [size * number // wanted for number in range(wanted + 1)]
        edges = [_at_edge(layout.edges, cut, size // wanted // 4) for cut in cuts]
        return tuple(Chunk(n, edges[n], edges[n + 1]) for n in range(wanted))

    def read(self, chunk: Chunk) -> RowItems:
        return RowItems(self, self._layout(), chunk)

    def locate(self, index: int) -> str:
        layout = self._layout()
        row = index if self.filter is None else self._row(layout, index)
        group = bisect_right(layout.edges, row) - 1
        if group == len(layout.edges) - 1:
            return f"row {row + 1} of {self.path}"
        file, number = layout.place(group)
        return f"row {row - layout.edges[group - number] + 1} of {layout.files[file].path}"

    def require_columns(self, names: Sequence[str]) -> None:
        """Raise BadInput unless each of these is a column of all files, asked for or not."""
        self._layout().schema(names)

    def head(self, items: int, path: Path) -> Self:
        from fanout_pipeline.sources.parquet_head import write_head

        layout = self._layout()
        chunks = self.chunks(max(1, layout.rows // self.CHUNK_SIZE))
        schema = layout.schema(layout.alike)
        tables = lambda: (self.read(chunk).as_arrow(layout.alike) for chunk in chunks)  # noqa: E731
        write_head(self, schema, tables, items, path)
        return replace(self, path=str(path), filter=None, layout=None, passed=())

    def change(self, before: Version, now: Version) -> str:
        return change(before, now)

    def passed_before(self, layout: Layout) -> tuple[int, ...]:
        """How many items come before each row group and in all."""
        return self.passed or _passed(layout, self.filter)

    def _layout(self) -> Layout:
        return self.layout or layout_of(self.path, self.version().token)

    def _row(self, layout: Layout, index: int) -> int:
        """The row that is the item with this index, by the filter."""
        passed = self.passed_before(layout)
        group = bisect_right(passed, index) - 1
        if group == len(passed) - 1:
            return layout.rows
        positions = _positions(passing(layout, group, self.filter))
        row: int = layout.edges[group] + positions[index - passed[group]].as_py()
        return row


class RowItems(Items):
    """The rows of one chunk that are items."""

    def __init__(self, source: Parquet, layout: Layout, chunk: Chunk):
        super().__init__(chunk, ())
        self._source = source
        self._layout = layout
        self._ranges = tuple(layout.ranges(chunk.start, chunk.stop))
        self._plain = source.columns is not None and len(source.columns) == 1
        self._table = self.as_arrow()

    @cached_property
    def first_index(self) -> int:
        layout, filter_ = self._layout, self._source.filter
        if filter_ is None:
            return self.chunk.start
        passed = self._source.passed_before(layout)
        if not self._ranges:
            return passed[bisect_right(layout.edges, self.chunk.start) - 1]
        first = self._ranges[0]
        mask = passing(layout, first.group, filter_).slice(0, first.start)
        return passed[first.group] + len(_positions(mask))

    @property
    def values(self) -> Rows:
        return Rows(self._table, self._plain)

    @cached_property
    def unreadable(self) -> dict[int, Unreadable]:
        return {}

    def rest(self, items: int) -> Chunk:
        if self._source.filter is None:
            return replace(self.chunk, start=self.chunk.start + items)
        for part in self._ranges:
            positions = _positions(self._passing(part))
            if items < len(positions):
                start = self._layout.edges[part.group] + part.start + positions[items].as_py()
                return replace(self.chunk, start=start)
            items -= len(positions)
        return replace(self.chunk, start=self.chunk.stop)

    def as_batch(self) -> Any:
        return to_pandas(self._table, self._plain)

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """The rows with the source's columns, or with these, of all that the input has. Raises BadInput."""
        import pyarrow

        schema = self._layout.schema(self._source.columns if columns is None else columns)
        tables = [pyarrow.Table.from_batches([], schema)]  # empty_table() would import pandas
        for part in self._ranges:
            if self._passes_none(part.group):
                continue
            rows = group_columns(self._layout, part.group, schema)
            rows = rows.slice(part.start, part.stop - part.start)
            tables.append(rows if self._source.filter is None else rows.filter(self._passing(part)))
        return pyarrow.concat_tables(tables)

    def column(self, name: str) -> pyarrow.ChunkedArray:
        is_item = name == ITEM and self._plain and ITEM not in self._layout.alike
        return (self._table if is_item else self.as_arrow([name])).column(0)

    def as_rows(self) -> tuple[pyarrow.Table, bool]:
        return self._table, self._plain

    def contents(self) -> numpy.ndarray:
        from fanout_pipeline.sources.column_hash import row_hashes

        return row_hashes(self._table, self._plain)

    def _passes_none(self, group: int) -> bool:
        passed = self._source.passed
        return bool(passed) and passed[group] == passed[group + 1]

    def _passing(self, part: GroupRange) -> pyarrow.ChunkedArray:
        mask = passing(self._layout, part.group, self._source.filter)
        return mask.slice(part.start, part.stop - part.start)

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows


@lru_cache(maxsize=4)
def _passed(layout: Layout, row_filter: RowFilter) -> tuple[int, ...]:
    return passing_before(layout, row_filter)


def _positions(mask: pyarrow.ChunkedArray) -> pyarrow.Array:
    """Where it is true."""
    from pyarrow.compute import indices_nonzero

    return indices_nonzero(mask)


def _at_edge(edges: Sequence[int], row: int, most: int) -> int:
    """The edge of a row group that is nearest to a row, unless it is further than so many rows."""
    position = bisect_right(edges, row)
    nearest = min(edges[max(0, position - 1) : position + 1], key=lambda edge: abs(edge - row))
    return nearest if abs(nearest - row) <= most else row
