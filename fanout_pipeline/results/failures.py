"""Reading the items that failed, which are listed beside the results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.failed_items import FAILURES_SCHEMA, GROUP_ROWS, KEYED_SCHEMA
from fanout_pipeline.results.store.keys import KEYS
from fanout_pipeline.results.store.manifest import NoResults

if TYPE_CHECKING:
    import pandas


def read_failures(folder: str | Path | Snapshot) -> pandas.DataFrame:
    """The failed items of a result folder, in the order of the items.

    Columns `index` (int64), `key` (text) where the run had one, `where`, `item`, `error_type`, `message` and `traceback` (text); no
    rows if no item failed. Raises NoResults if the folder holds no complete results, or not as many
    failures as its manifest counts.
    """
    snapshot = Snapshot.of(folder)
    batches = list(_batches(snapshot))
    schema = KEYED_SCHEMA if snapshot.generation.size(KEYS) >= 0 else FAILURES_SCHEMA
    frame: pandas.DataFrame = pyarrow.Table.from_batches(batches, schema).to_pandas()
    return frame


def first_failures(folder: str | Path, count: int) -> list[dict[str, Any]]:
    """The first failed items as dicts, without reading the rest."""
    for batch in _batches(Snapshot.of(folder), max(1, count)):
        rows: list[dict[str, Any]] = batch.slice(0, count).to_pylist()
        return rows
    return []


def failed_indexes(snapshot: Snapshot) -> numpy.ndarray:
    """The indexes of the failed items, ascending (int64)."""
    found = [batch["index"].to_numpy() for batch in _batches(snapshot, columns=["index"])]
    return numpy.concatenate([numpy.empty(0, numpy.int64), *found])


def _batches(
    snapshot: Snapshot, batch_rows: int = GROUP_ROWS, columns: list[str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    counted = snapshot.manifest.failed
    if not counted:
        return
    name = snapshot.manifest.failures_name
    try:
        stored = snapshot.generation.open(name)
    except FileNotFoundError:
        raise snapshot.missing(name, f"counts {counted:,} failed items") from None
    with stored:
        try:
            file = parquet.ParquetFile(stored)
        except pyarrow.ArrowInvalid as error:
            raise NoResults(
                f"{snapshot.generation}/{name} is damaged ({error}): materialize the asset again."
            ) from None
        if file.metadata.num_rows != counted:
            raise NoResults(
                f"{snapshot.generation}/{name} has {file.metadata.num_rows:,} rows, though the manifest "
                f"counts {counted:,} failed items: materialize the asset again."
            )
        yield from file.iter_batches(batch_rows, columns=columns, use_threads=False)
