"""Reading results in order: as one DataFrame, or in batches for data larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.failed_items import gather_failures
from fanout_pipeline.results.store.generation import Generation, read_file
from fanout_pipeline.results.store.ledger import Ledger
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest, NoResults, Unfinished, part_name
from fanout_pipeline.results.store.part_file import conformed, result_of
from fanout_pipeline.results.types.arrow_types import to_python

if TYPE_CHECKING:
    import pandas


def read_results(folder: str | Path | Snapshot) -> pandas.DataFrame:
    """All results, in the order of the items: columns `index` (int64), kept columns, and `result`.

    In place of `result` there are the fields of dicts, if these were unpacked. Integers beyond int64,
    or with nulls among them, Decimals, UUIDs, lists and dicts make a column of Python values (dtype
    object). An item that failed has a null, or no row. Raises NoResults if the folder holds no complete
    results.
    """
    import pandas

    snapshot = Snapshot.of(folder)
    batches = list(_frames(snapshot, 65_536))
    if not batches:
        empty = pandas.Series([], dtype="int64")
        return pandas.DataFrame(dict.fromkeys(["index", *snapshot.manifest.columns], empty))
    return pandas.concat(batches, ignore_index=True)


def iter_results(folder: str | Path, batch_items: int = 65_536) -> Iterator[pandas.DataFrame]:
    """The results in order, in DataFrames of at most `batch_items` rows; a column has one dtype."""
    yield from _frames(Snapshot.of(folder), batch_items)


def _frames(snapshot: Snapshot, batch_items: int) -> Iterator[pandas.DataFrame]:
    import pandas

    manifest = snapshot.manifest
    for batch in snapshot.batches(batch_items):
        if not len(batch):
            continue
        columns: dict[str, Any] = {"index": batch["index"].to_numpy()}
        for name, kind in manifest.columns.items():
            column = batch[name]
            if manifest.gives_python_values(name) or pyarrow.types.is_nested(column.type):
                columns[name] = pandas.Series(to_python(column, kind), dtype="object")
            else:
                columns[name] = column.to_pandas()
        yield pandas.DataFrame(columns)


def first_results(folder: str | Path, count: int) -> list[Any]:
    """The first results as Python values, without reading the rest."""
    found: list[Any] = []
    snapshot = Snapshot.of(folder)
    for batch in snapshot.batches(max(1, count)):
        found += to_python(result_of(batch, snapshot.manifest), snapshot.manifest.kind)
        if len(found) >= count:
            break
    return found[:count]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The results that were visible at one moment, so that a commit meanwhile mixes nothing."""

    folder: Path
    """The folder, as the caller named it."""
    generation: Generation
    """The files of the results."""
    manifest: Manifest
    """What the results consist of."""

    @classmethod
    def of(cls, folder: str | Path | Snapshot) -> Snapshot:
        """What is visible now, or the snapshot itself. Raises NoResults if there are no complete results."""
        if isinstance(folder, Snapshot):
            return folder
        folder = Path(folder)
        while True:
            generation = _visible(folder)
            try:
                return cls(folder, generation, Manifest.load(generation))
            except NoResults:
                if _visible(folder) == generation:
                    return cls(folder, generation, Manifest.load(LocalGeneration(folder)))

    @classmethod
    def of_unfinished(cls, generation: Generation, unpack: bool) -> Snapshot:
        """What a run that has ended early has left for the next one, which may be nothing."""
        ledger = Ledger.read(generation)
        parts = () if ledger is None else tuple(one.part for one in ledger.finished)
        manifest = Unfinished("", parts, unpack=unpack)
        if manifest.failed:
            gather_failures(generation, parts)
        return cls(generation.local, generation, manifest)

    def batches(
        self, batch_items: int = 65_536, first_row: int = 0
    ) -> Iterator[pyarrow.RecordBatch]:
        """The results in order, as Arrow record batches of at most `batch_items` rows and of one schema.

        Their columns are `index` and those of the manifest; `result_of` makes one column of results
        that were unpacked. Parts before `first_row` are not read. Raises NoResults if a part is
        missing or differs from what the manifest says.
        """
        for part in self.manifest.parts:
            if first_row and first_row >= part.rows:
                first_row -= part.rows
                continue
            name = part_name(part.number)
            try:
                data = read_file(self.generation, name)
            except FileNotFoundError:
                raise self.missing(name, "lists it") from None
            if hashlib.sha256(data).hexdigest() != part.sha256:
                raise NoResults(
                    f"{self.generation}/{name} is damaged (its SHA-256 differs from the manifest's): "
                    "materialize the asset again."
                )
            file = parquet.ParquetFile(pyarrow.BufferReader(data))
            group = 0
            while first_row and first_row >= (rows := file.metadata.row_group(group).num_rows):
                first_row -= rows
                group += 1
            groups = range(group, file.num_row_groups)
            for batch in file.iter_batches(batch_items, groups, use_threads=False):
                yield conformed(batch.slice(first_row), part, self.manifest)
                first_row = max(0, first_row - len(batch))

    def missing(self, name: str, why: str) -> NoResults:
        """The error for a missing file: a commit, or somebody, has removed it; `why` it should exist."""
        if _visible(self.folder) != self.generation:
            return NoResults(f"{self.folder} was replaced while it was being read: read it again.")
        return NoResults(
            f"{self.generation}/{name} is missing, though the manifest {why}: materialize the asset again."
        )


def _visible(folder: Path) -> Generation:
    """The generation that a folder shows; the folder itself if it is a copy of one."""
    return LocalGeneration(folder.resolve())
