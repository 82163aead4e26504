"""Rows of Arrow tables as Python would have them, in memory and in a spool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources import rows
from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.source import ITEM, BadInput, Chunk, Items
from fanout_pipeline.sources.spool.feed import Files
from fanout_pipeline.sources.spool.reading import Reading, Spooled

if TYPE_CHECKING:
    import numpy
    import pyarrow


class Rows(Items):
    """Rows as Python would have them; made when they are asked for."""

    def __init__(self, chunk: Chunk, table: pyarrow.Table, columns: Sequence[str] | None):
        """`columns`: those that items have, of the table's; of one, items are its values."""
        super().__init__(chunk, ())
        self._all = table
        self._table = table if columns is None or not len(table) else table.select(list(columns))
        self._plain = columns is not None and len(columns) == 1

    @cached_property
    def values(self) -> Sequence[Any]:
        return rows.Rows(self._table, self._plain)

    @cached_property
    def unreadable(self) -> dict[int, Any]:
        return {}

    def as_batch(self) -> Any:
        return rows.to_pandas(self._table, self._plain)

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        if columns is None:
            return self._table
        if not len(self):  # A spool without rows has no columns.
            import pyarrow

            return pyarrow.table({name: pyarrow.nulls(0) for name in columns})
        return self._all.select(list(columns))

    def column(self, name: str) -> pyarrow.ChunkedArray:
        there = self._all.column_names
        if name not in there:
            is_empty = not len(self)  # No columns are known where no rows are.
            if is_empty or (name == ITEM and self._plain):
                return self._table.column(0)
            raise BadInput(f"There is no column {name!r}. {nearest(name, there)}")
        return self._all.column(name)

    def as_rows(self) -> tuple[pyarrow.Table, bool]:
        return self._table, self._plain

    def contents(self) -> numpy.ndarray:
        from fanout_pipeline.sources.column_hash import row_hashes

        return row_hashes(self._table, self._plain)

    def __len__(self) -> int:
        return self._table.num_rows  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class SpooledRows(Spooled):
    """What has arrived of a spool of Arrow streams. A unit is one row."""

    files: Files = field(repr=False)
    name: str
    columns: Sequence[str] | None

    def read(self, chunk: Chunk) -> Items:
        import pyarrow

        tables = []
        with Reading(self.files) as reading:
            for group, start, stop in reading.groups(chunk.start, chunk.stop):
                table = pyarrow.ipc.open_stream(group).read_all()
                tables.append(table.slice(start, stop - start))
        # No columns are known where no rows are.
        table = pyarrow.concat_tables(tables) if tables else pyarrow.table({ITEM: []})
        return Rows(chunk, table, self.columns)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name
