"""A new Parquet file of so many rows of another source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

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

    with open(path, "wb", opener=_no_link) as file, parquet.ParquetWriter(file, schema) as writer:
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


def _no_link(path: str, flags: int) -> int:
    """How a file is opened that may not be a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
