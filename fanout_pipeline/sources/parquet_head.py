"""A new Parquet file of so many rows of another source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fanout_pipeline.sources.files import no_link
from fanout_pipeline.sources.source import BadInput, Source

if TYPE_CHECKING:
    import pyarrow


def write_head(
    source: Source,
    schema: pyarrow.Schema,
    tables: Callable[[], Iterable[pyarrow.Table]],
    rows: int,
    path: Path,
) -> None:
    """Write the first rows of the tables, which are those of `source`, all of them again and again if need be."""
    from pyarrow import parquet

    with open(path, "wb", opener=no_link) as file, parquet.ParquetWriter(file, schema) as writer:
        left = rows
        while left:
            before = left
            for table in tables():
                writer.write_table(table.slice(0, left))
                left -= min(left, table.num_rows)
                if not left:
                    break
            if left == before:
                raise BadInput(
                    f"{source} has no rows that are items, so no {rows:,} can be taken from it. Write at "
                    "least one to it, or correct the filter."
                )
