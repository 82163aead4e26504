"""Rows of result files, wherever they are, by one number over all of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.generation import Generation, read_file
from fanout_pipeline.results.store.keys import as_array
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline.results.store.part_file import conformed
from fanout_pipeline.results.types.kinds import NULL, Kind
from fanout_pipeline.results.types.layout import columns_of

_DECODED = 8
"""How many files stay decoded."""


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of results."""

    generation: Generation
    name: str
    rows: int
    bytes: int
    """The size of the file."""
    sha256: str
    kind: Kind
    """The type of the results."""
    nulls: int
    """How many of them are null."""
    kept: Mapping[str, Kind]
    """The types of the columns that are kept beside them."""
    unpack: bool
    """Whether fields of results that are dicts are columns."""

    @property
    def common_kind(self) -> Kind:
        """What the type of all results has to include."""
        return self.kind if self.rows > self.nulls else NULL

    def table(self, wanted: Mapping[str, Kind]) -> pyarrow.Table:
        """All rows with columns of these types; null where they have none. Raises NoResults where it is damaged."""
        data = read_file(self.generation, self.name)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise NoResults(
                f"{self.generation}/{self.name} is damaged (its SHA-256 is not that of what was written): check the "
                "disk and remove the file. The next run calls its items again, and no others."
            )
        found = columns_of(self.kind, self.kept, self.unpack)
        file = parquet.ParquetFile(pyarrow.BufferReader(data))
        names = [name for name in wanted if name in found] or ["index"]
        batches = [
            conformed(batch, found, wanted)
            for batch in file.iter_batches(columns=names, use_threads=False)
        ]
        return pyarrow.Table.from_batches(batches, None if batches else _schema(wanted))


def _schema(wanted: Mapping[str, Kind]) -> pyarrow.Schema:
    from fanout_pipeline.results.store.part_file import table_schema

    return table_schema(wanted)


class StoredRows:
    """The rows of some files, laid end to end."""

    def __init__(self, files: Sequence[RowFile]):
        self.files = tuple(files)
        self.starts = numpy.cumsum([0, *(file.rows for file in files)])
        """The number of the first row of each, and how many there are."""
        self._decoded: OrderedDict[Any, pyarrow.Table] = OrderedDict()

    def used(self, rows: numpy.ndarray) -> list[RowFile]:
        """The files that have any of these rows."""
        return [self.files[number] for number in numpy.unique(self._files_of(rows))]

    def take(self, rows: numpy.ndarray, wanted: Mapping[str, Kind]) -> pyarrow.Table:
        """These rows, in this order, with these columns. Raises NoResults."""
        numbers = self._files_of(rows)
        by_file = numpy.argsort(numbers, kind="stable")
        tables, at = [], 0
        for number, count in zip(*numpy.unique(numbers, return_counts=True), strict=True):
            positions = rows[by_file[at : at + count]] - self.starts[number]
            tables.append(self._table(number, wanted).take(as_array(positions)))
            at += count
        if not tables:
            return _schema(wanted).empty_table()
        back = numpy.empty(len(rows), numpy.int64)
        back[by_file] = numpy.arange(len(rows))
        return pyarrow.concat_tables(tables).take(as_array(back))

    def _files_of(self, rows: numpy.ndarray) -> numpy.ndarray:
        return numpy.searchsorted(self.starts, rows, side="right") - 1

    def _table(self, number: int, wanted: Mapping[str, Kind]) -> pyarrow.Table:
        place = number, repr(wanted)
        table = self._decoded.pop(place, None)
        if table is None:
            table = self.files[number].table(wanted)
        self._decoded[place] = table
        while len(self._decoded) > _DECODED:
            self._decoded.popitem(last=False)
        return table
