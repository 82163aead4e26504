"""The items that have no result because they were put into quarantine, as rows beside the results.

`failed-<number>.parquet` lies beside the part of the same number while a run goes on; a commit makes
one `failures.parquet` of them all. Rows are written as they come, so that an input of which every
item fails takes no more memory than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import replacing
from fanout_pipeline.results.store.manifest import PartRecord, failed_name
from fanout_pipeline.results.types.column import to_column

FAILURES = "failures.parquet"
_TEXTS = ("where", "item", "error_type", "message", "traceback")
FAILURES_SCHEMA = pyarrow.schema(
    [pyarrow.field("index", pyarrow.int64(), nullable=False)]
    + [pyarrow.field(name, pyarrow.large_string(), nullable=False) for name in _TEXTS]
)
GROUP_ROWS = 1000
"""Of some 1 to 10 kB each, traceback and all."""


@contextmanager
def failed_items(folder: Path, number: int) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Within the block, a callable that adds a row to `failed-<number>.parquet`.

    A row has the `index` of the item and the texts `where`, `item`, `error_type`, `message` and
    `traceback`. The file is there, whole, after the block, or not at all if it raised. Raises
    CannotWrite.
    """
    with _writing(folder / failed_name(number), durable=False) as writer:
        rows: list[Mapping[str, Any]] = []

        def add(row: Mapping[str, Any]) -> None:
            rows.append(row)
            if len(rows) == GROUP_ROWS:
                writer.write_batch(_batch(rows))
                rows.clear()

        yield add
        if rows:
            writer.write_batch(_batch(rows))


def rename_failed(folder: Path, moved: Iterable[tuple[int, int]]) -> None:
    """Give the files of parts that have changed their numbers, (old, new), their new names."""
    moved = list(moved)
    # Aside first: the name may still be another part's.
    for old, new in moved:
        no_links.rename(folder / failed_name(old), folder / f".{failed_name(new)}")
    for _, new in moved:
        no_links.rename(folder / f".{failed_name(new)}", folder / failed_name(new))


def gather_failures(folder: Path, parts: Iterable[PartRecord]) -> None:
    """Make `failures.parquet` of the files of the parts, in their order. Raises CannotWrite."""
    with _writing(folder / FAILURES, durable=True) as writer:
        waiting: list[pyarrow.RecordBatch] = []
        rows = 0
        for part in parts:
            if not part.failed:
                continue
            with parquet.ParquetFile(folder / failed_name(part.number)) as file:
                for batch in file.iter_batches(GROUP_ROWS, use_threads=False):
                    waiting.append(batch)
                    rows += len(batch)
                    if rows >= GROUP_ROWS:
                        writer.write_table(pyarrow.Table.from_batches(waiting, FAILURES_SCHEMA))
                        waiting.clear()
                        rows = 0
        if waiting:
            writer.write_table(pyarrow.Table.from_batches(waiting, FAILURES_SCHEMA))


@contextmanager
def _writing(path: Path, *, durable: bool) -> Iterator[parquet.ParquetWriter]:
    with (
        replacing(path, durable=durable) as file,
        parquet.ParquetWriter(file, FAILURES_SCHEMA, compression="zstd") as writer,
    ):
        yield writer


def _batch(rows: list[Mapping[str, Any]]) -> pyarrow.RecordBatch:
    columns = [to_column([row[name] for row in rows])[0] for name in FAILURES_SCHEMA.names]
    return pyarrow.RecordBatch.from_arrays(columns, schema=FAILURES_SCHEMA)
