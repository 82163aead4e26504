"""Reading results in order, as they were at one moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.failed_items import gather_failures
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Ledger
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import (
    Manifest,
    NoResults,
    PartRecord,
    Unfinished,
    part_name,
)
from fanout_pipeline.results.store.part_file import INDEX, conformed, result_of
from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.types.kinds import Kind


def first_results(folder: str | Path, count: int) -> list[Any]:
    """The first results as Python values, without reading the rest."""
    found: list[Any] = []
    snapshot = Snapshot.of(folder)
    for batch in snapshot.batches(max(1, count)):
        found += to_python(result_of(batch, snapshot.manifest), snapshot.manifest.kind)
        if len(found) >= count:
            break
    return found[:count]


class Replaced(NoResults):
    """Results were replaced while they were being read."""


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
        self,
        batch_items: int = 65_536,
        first_row: int = 0,
        columns: Mapping[str, Kind] | None = None,
    ) -> Iterator[pyarrow.RecordBatch]:
        """The results in order, as Arrow record batches of at most `batch_items` rows and of one schema.

        Their columns are `index` and those of the manifest; `result_of` makes one column of results
        that were unpacked. With `columns` they are these, of these kinds, and no others are read; one that
        the results do not have is null. Parts before `first_row` are not read. Raises NoResults if a part is
        missing or differs from what the manifest says, and Inexact if a value is not of the kind.
        """
        wanted = {**INDEX, **self.manifest.columns} if columns is None else columns
        for part in self.manifest.parts:
            if first_row and first_row >= part.rows:
                first_row -= part.rows
                continue
            found = {**INDEX, **part.columns(self.manifest.unpack)}
            for rows in self._rows(part, found, wanted, batch_items, first_row):
                yield conformed(rows, found, wanted)
            first_row = 0

    def _rows(
        self,
        part: PartRecord,
        found: Mapping[str, Kind],
        wanted: Mapping[str, Kind],
        batch_items: int,
        first_row: int,
    ) -> Iterator[pyarrow.RecordBatch]:
        """Rows of a part, as they are stored, from one on, with at least the columns that are wanted."""
        name = part_name(part.number)
        try:
            stored = self.generation.open(name)
        except FileNotFoundError:
            raise self.missing(name, "lists it") from None
        with stored:
            try:
                yield from _rows(stored, part, found, wanted, batch_items, first_row)
            except (OSError, pyarrow.ArrowException) as error:
                raise NoResults(
                    f"{self.generation}/{name} is damaged ({error}): materialize the asset again."
                ) from None

    def missing(self, name: str, why: str) -> NoResults:
        """The error for a missing file: a commit, or somebody, has removed it; `why` it should exist."""
        if _visible(self.folder) != self.generation:
            return Replaced(f"{self.folder} was replaced while it was being read: read it again.")
        return NoResults(
            f"{self.generation}/{name} is missing, though the manifest {why}: materialize the asset again."
        )


def _rows(
    stored: BinaryIO,
    part: PartRecord,
    found: Mapping[str, Kind],
    wanted: Mapping[str, Kind],
    batch_items: int,
    first_row: int,
) -> Iterator[pyarrow.RecordBatch]:
    """See `Snapshot._rows`. Raises OSError where the file is not the one that was written."""
    if found.keys() <= wanted.keys():
        data = stored.read()
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise OSError("its SHA-256 differs from the manifest's")
        file = parquet.ParquetFile(pyarrow.BufferReader(data))
    else:  # What is not wanted is not read: the pages that are have checksums of their own.
        if stored.seek(0, os.SEEK_END) != part.bytes:
            raise OSError("its size differs from the manifest's")
        file = parquet.ParquetFile(stored, page_checksum_verification=True)
        if file.metadata.num_rows != part.rows:
            raise OSError("its rows are not as many as the manifest's")
    group = 0
    while first_row and first_row >= (rows := file.metadata.row_group(group).num_rows):
        first_row -= rows
        group += 1
    groups = range(group, file.num_row_groups)
    names = [name for name in wanted if name in found] or [*INDEX]
    for batch in file.iter_batches(batch_items, groups, names, use_threads=False):
        yield batch.slice(first_row)
        first_row = max(0, first_row - len(batch))


def _visible(folder: Path) -> Generation:
    """The generation that a folder shows; the folder itself if it is a copy of one."""
    return LocalGeneration(folder.resolve())
