"""The items that have no result because they were put into quarantine, as rows beside the results.

`failed-<number>.parquet` lies beside the part of the same number while a run goes on; a commit makes
one `failures.parquet` of them all. Rows are written as they come, so that an input of which every
item fails takes no more memory than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline.parts import no_links
from fanout_pipeline.parts.atomic import replacing
from fanout_pipeline.parts.column import to_column
from fanout_pipeline.parts.manifest import NoResults, PartRecord, failed_name
from fanout_pipeline.parts.reading import Snapshot

if TYPE_CHECKING:
    import pandas

FAILURES = "failures.parquet"
_TEXTS = ("where", "item", "error_type", "message", "traceback")
_SCHEMA = pyarrow.schema(
    [pyarrow.field("index", pyarrow.int64(), nullable=False)]
    + [pyarrow.field(name, pyarrow.large_string(), nullable=False) for name in _TEXTS]
)
_GROUP_ROWS = 1000
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
            if len(rows) == _GROUP_ROWS:
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
                for batch in file.iter_batches(_GROUP_ROWS, use_threads=False):
                    waiting.append(batch)
                    rows += len(batch)
                    if rows >= _GROUP_ROWS:
                        writer.write_table(pyarrow.Table.from_batches(waiting, _SCHEMA))
                        waiting.clear()
                        rows = 0
        if waiting:
            writer.write_table(pyarrow.Table.from_batches(waiting, _SCHEMA))


def read_failures(folder: str | Path) -> pandas.DataFrame:
    """The failed items of a result folder, in the order of the items.

    Columns `index` (int64), `where`, `item`, `error_type`, `message` and `traceback` (text); no
    rows where none failed. Raises NoResults where the folder holds no complete results, or not the
    failures that its manifest counts.
    """
    batches = list(_batches(Snapshot.of(folder)))
    frame: pandas.DataFrame = pyarrow.Table.from_batches(batches, _SCHEMA).to_pandas()
    return frame


def first_failures(folder: str | Path, count: int) -> list[dict[str, Any]]:
    """The first few failed items as dicts, without reading the rest."""
    for batch in _batches(Snapshot.of(folder), max(1, count)):
        rows: list[dict[str, Any]] = batch.slice(0, count).to_pylist()
        return rows
    return []


def failed_indexes(snapshot: Snapshot) -> numpy.ndarray:
    """The indexes of the failed items, ascending (int64)."""
    found = [batch["index"].to_numpy() for batch in _batches(snapshot, columns=["index"])]
    return numpy.concatenate([numpy.empty(0, numpy.int64), *found])


def _batches(
    snapshot: Snapshot, batch_rows: int = _GROUP_ROWS, columns: list[str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    counted = snapshot.manifest.failed
    if not counted:
        return
    path = snapshot.generation / FAILURES
    try:
        file = parquet.ParquetFile(path)
    except FileNotFoundError:
        raise snapshot.lacks(path, f"counts {counted:,} failed items") from None
    except pyarrow.ArrowInvalid as error:
        raise NoResults(f"{path} is damaged ({error}): materialize the asset again.") from None
    with file:
        if file.metadata.num_rows != counted:
            raise NoResults(
                f"{path} has {file.metadata.num_rows:,} rows, though the manifest counts "
                f"{counted:,} failed items: materialize the asset again."
            )
        yield from file.iter_batches(batch_rows, columns=columns, use_threads=False)


@contextmanager
def _writing(path: Path, *, durable: bool) -> Iterator[parquet.ParquetWriter]:
    with (
        replacing(path, durable=durable) as file,
        parquet.ParquetWriter(file, _SCHEMA, compression="zstd") as writer,
    ):
        yield writer


def _batch(rows: list[Mapping[str, Any]]) -> pyarrow.RecordBatch:
    columns = [to_column([row[name] for row in rows])[0] for name in _SCHEMA.names]
    return pyarrow.RecordBatch.from_arrays(columns, schema=_SCHEMA)
