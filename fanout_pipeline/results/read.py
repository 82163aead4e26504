"""Results back in order: as one DataFrame, or in batches for data larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.manifest import Manifest, NoResults, part_name
from fanout_pipeline.results.types.arrow_types import fitted, metadata_of, to_python
from fanout_pipeline.results.types.kinds import Kind

if TYPE_CHECKING:
    import pandas


def read_results(folder: str | Path) -> pandas.DataFrame:
    """All results, in the order of the items: columns `index` (int64) and `result`.

    Integers beyond int64, or with nulls among them, Decimals, lists and dicts make `result` a column
    of Python values (dtype object). An item that failed has a null, or no row. Raises NoResults
    where the folder holds no complete results.
    """
    import pandas

    batches = list(iter_results(folder))
    if not batches:
        empty = pandas.Series([], dtype="int64")
        return pandas.DataFrame({"index": empty, "result": empty})
    return pandas.concat(batches, ignore_index=True)


def iter_results(folder: str | Path, batch_items: int = 65_536) -> Iterator[pandas.DataFrame]:
    """The results in order, in DataFrames of at most `batch_items` rows; `result` has one dtype."""
    import pandas

    snapshot = Snapshot.of(folder)
    python_values = snapshot.manifest.python_values
    for batch in snapshot.batches(batch_items):
        column = batch["result"]
        if not len(column):
            continue
        if python_values or pyarrow.types.is_nested(column.type):
            values = to_python(column, batch.schema.field("result").metadata)
            result = pandas.Series(values, dtype="object")
        else:
            result = column.to_pandas()
        yield pandas.DataFrame({"index": batch["index"].to_numpy(), "result": result})


def first_results(folder: str | Path, count: int) -> list[Any]:
    """The first few results as Python values, without reading the rest."""
    found: list[Any] = []
    for batch in Snapshot.of(folder).batches(max(1, count)):
        metadata = batch.schema.field("result").metadata
        found += to_python(batch["result"], metadata)
        if len(found) >= count:
            break
    return found[:count]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The generation that was visible at one moment, so that a commit in between mixes nothing."""

    folder: Path
    """As the caller named it."""
    generation: Path
    manifest: Manifest

    @classmethod
    def of(cls, folder: str | Path | Snapshot) -> Snapshot:
        """Of now, unless it is one already. Raises NoResults where there are no complete results."""
        if isinstance(folder, Snapshot):
            return folder
        folder = Path(folder)
        while True:
            generation = folder.resolve()
            try:
                return cls(folder, generation, Manifest.load(generation))
            except NoResults:
                if folder.resolve() == generation:
                    return cls(folder, generation, Manifest.load(folder))

    def batches(self, batch_items: int = 65_536) -> Iterator[pyarrow.RecordBatch]:
        """The results in order, as Arrow record batches of at most `batch_items` rows and of one schema.

        Text that holds integers or Decimals is marked in the metadata of `result` (see
        `arrow_kinds`). Raises NoResults where a part is missing or does not hold what the manifest
        says.
        """
        kind = self.manifest.kind
        for part in self.manifest.parts:
            path = self.generation / part_name(part.number)
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise self.lacks(path, "names it") from None
            if hashlib.sha256(data).hexdigest() != part.sha256:
                raise NoResults(
                    f"{path} is damaged (its SHA-256 is not the manifest's): materialize the "
                    "asset again."
                )
            file = parquet.ParquetFile(pyarrow.BufferReader(data))
            for batch in file.iter_batches(batch_items, use_threads=False):
                yield _of_kind(batch, kind)

    def lacks(self, path: Path, told: str) -> NoResults:
        """Why a file is not there that the manifest tells of: a commit, or somebody removed it."""
        if self.folder.resolve() != self.generation:
            return NoResults(f"{self.folder} was replaced while it was read: read again.")
        return NoResults(
            f"{path} is missing, though the manifest {told}: materialize the asset again."
        )


def _of_kind(batch: pyarrow.RecordBatch, kind: Kind) -> pyarrow.RecordBatch:
    """A part's batch with its results as those of all parts are."""
    stored = batch["result"]
    column = fitted(stored, batch.schema.field("result").metadata, kind)
    if column is stored:
        return batch
    field = pyarrow.field("result", column.type, metadata=metadata_of(kind))
    schema = pyarrow.schema([batch.schema.field("index"), field])
    return pyarrow.RecordBatch.from_arrays([batch["index"], column], schema=schema)
