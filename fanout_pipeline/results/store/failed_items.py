"""Quarantined items, which have no result, as rows of a file beside the parts.

While a run works, `_failed-<number>.parquet` lists the failed items of the part of that number; the commit
makes one `_failures.parquet` of all of them. Rows are written as they come, so that an input of which
every item fails takes no more memory than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.manifest import FAILURES, PartRecord, failed_name
from fanout_pipeline.results.types.column import to_column

_TEXTS = ("where", "item", "error_type", "message", "traceback")
FAILURES_SCHEMA = pyarrow.schema(
    [pyarrow.field("index", pyarrow.int64(), nullable=False)]
    + [pyarrow.field(name, pyarrow.large_string(), nullable=False) for name in _TEXTS]
)
KEYED_SCHEMA = FAILURES_SCHEMA.insert(1, pyarrow.field("key", pyarrow.large_string()))
"""The same of a run with a key, which is null for a record that cannot be read."""
GROUP_ROWS = 1000
"""Rows in a row group; with its traceback, a row takes some 1 to 10 kB."""


@contextmanager
def failed_items(
    generation: Generation, number: int
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Within the block, a callable that adds a row to `_failed-<number>.parquet`.

    A row has the `index` of the item and the texts `where`, `item`, `error_type`, `message` and
    `traceback`. The file appears, whole, at the end of the block unless that raises. Raises
    CannotWrite.
    """
    with _writer(generation, failed_name(number)) as writer:
        rows: list[Mapping[str, Any]] = []

        def add(row: Mapping[str, Any]) -> None:
            rows.append(row)
            if len(rows) == GROUP_ROWS:
                writer.write_batch(_batch(rows))
                rows.clear()

        yield add
        if rows:
            writer.write_batch(_batch(rows))


def gather_failures(generation: Generation, parts: Iterable[PartRecord]) -> None:
    """Make `_failures.parquet` of the files of the parts, in their order. Raises CannotWrite."""
    write_failures(generation, (one for part in parts for one in listed(generation, part)))


def listed(generation: Generation, part: PartRecord) -> Iterator[pyarrow.RecordBatch]:
    """The failed items of a part that was just written."""
    if part.failed:
        with (
            generation.open(failed_name(part.number)) as stored,
            parquet.ParquetFile(stored) as file,
        ):
            yield from file.iter_batches(GROUP_ROWS, use_threads=False)


def failed_positions(generation: Generation, part: PartRecord) -> numpy.ndarray:
    """The positions in a part of its items that have failed, ascending (int64)."""
    found = [batch["index"].to_numpy() for batch in listed(generation, part)]
    return numpy.concatenate([numpy.empty(0, numpy.int64), *found]) - part.first_index


def write_failures(
    generation: Generation,
    batches: Iterable[pyarrow.RecordBatch],
    schema: pyarrow.Schema = FAILURES_SCHEMA,
) -> None:
    """Write `_failures.parquet`, which survives a power cut. Raises CannotWrite."""
    with _writer(generation, FAILURES, schema, durable=True) as writer:
        waiting: list[pyarrow.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= GROUP_ROWS:
                writer.write_table(pyarrow.Table.from_batches(waiting, schema))
                waiting.clear()
        if waiting:
            writer.write_table(pyarrow.Table.from_batches(waiting, schema))


@contextmanager
def _writer(
    generation: Generation,
    name: str,
    schema: pyarrow.Schema = FAILURES_SCHEMA,
    *,
    durable: bool = False,
) -> Iterator[parquet.ParquetWriter]:
    with (
        generation.writing(name, durable=durable) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        yield writer


def _batch(rows: list[Mapping[str, Any]]) -> pyarrow.RecordBatch:
    columns = [to_column([row[name] for row in rows]).array for name in FAILURES_SCHEMA.names]
    return pyarrow.RecordBatch.from_arrays(columns, schema=FAILURES_SCHEMA)
