"""Results as one table, of one folder or of several partitions, of all columns or of some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow
from pyarrow.types import is_nested

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.read import Replaced, Snapshot
from fanout_pipeline.results.store.part_file import INDEX, Inexact, table_schema
from fanout_pipeline.results.types.arrow_types import to_python, type_of
from fanout_pipeline.results.types.kinds import NULL, Kind, MixedTypes, needs_python
from fanout_pipeline.results.types.layout import widened

if TYPE_CHECKING:
    import pandas
    import polars

PARTITION = "partition"
"""The column of the partitions' keys, in a table of a partitioned asset."""
_TEXT: Kind = "large_string"
_READINGS = 5
"""So often a reader begins, if its results are replaced each time."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table:
    """What is to be read: results in order, those of several partitions one after the other.

    Integers beyond 64 bits, Decimals and UUIDs are text in Arrow and polars, as in the files, and Python values in
    pandas.
    """

    snapshots: Mapping[str | None, Snapshot]
    """The results by their partition; by None where there are no partitions."""
    columns: Mapping[str, Kind]
    """The columns that are read, in order, and their kinds."""

    @classmethod
    def of(
        cls,
        results: str | Path | Snapshot | Mapping[str | None, Path],
        columns: Sequence[str] | None = None,
    ) -> Table:
        """The results of a folder, or of the folder of each partition (None: there are none); of all columns, or of these.

        Raises NoResults; ValueError for a column that is not there, or where results have one of the name
        `partition`; MixedTypes, a TypeError, where partitions have no type in common.
        """
        folders = results if isinstance(results, Mapping) else {None: results}
        snapshots = {name: Snapshot.of(folder) for name, folder in folders.items()}
        several = None not in snapshots
        there = _columns(snapshots)
        if columns is None:
            names = [*[PARTITION][:several], *there]
        else:
            names = _chosen(columns, [*[PARTITION][:several], *there])
        if several and PARTITION in names:
            if PARTITION in there:
                raise ValueError(
                    f"The results have a column {PARTITION!r} of their own, which is the name of the column with "
                    "each row's partition. Name the columns to be read without it, or give the field another name."
                )
            there[PARTITION] = _TEXT
        return cls(snapshots, {name: there[name] for name in names})

    @property
    def schema(self) -> pyarrow.Schema:
        """The table's schema in Arrow."""
        return table_schema(self.columns)

    @property
    def adds_partition(self) -> bool:
        """Whether there is a column with the partition of each row."""
        return None not in self.snapshots and PARTITION in self.columns

    @property
    def stored(self) -> dict[str, Kind]:
        """The columns that are in the files."""
        added = PARTITION if self.adds_partition else None
        return {name: kind for name, kind in self.columns.items() if name != added}

    def batches(self, batch_items: int = 65_536) -> Iterator[pyarrow.RecordBatch]:
        """The rows in order, at most so many at a time, each time with the same schema."""
        for partition in self.snapshots:
            yield from self.batches_of(partition, batch_items)

    def batches_of(
        self, partition: str | None, batch_items: int = 65_536
    ) -> Iterator[pyarrow.RecordBatch]:
        """The rows of one partition."""
        schema, stored = self.schema, self.stored
        key = pyarrow.scalar(partition, pyarrow.large_string())
        snapshot = self.snapshots[partition]
        try:
            for batch in snapshot.batches(batch_items, columns=stored or INDEX):
                arrays = [
                    batch[name] if name in stored else pyarrow.repeat(key, len(batch))
                    for name in self.columns
                ]
                yield pyarrow.RecordBatch.from_arrays(arrays, schema=schema)
        except Inexact as error:
            raise self._inexact(error, partition) from None

    def frames(self, batch_items: int = 65_536) -> Iterator[pandas.DataFrame]:
        """The same as DataFrames; a column has one dtype in all of them."""
        python = self._python()
        for batch in self.batches(batch_items):
            if len(batch):
                yield self._frame(batch, python)

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a DataFrame."""
        import pandas

        frames = list(self.frames())
        if frames:
            return pandas.concat(frames, ignore_index=True)
        empty = self._frame(pyarrow.RecordBatch.from_pylist([], self.schema), self._python())
        unknown = [name for name, kind in self.columns.items() if kind == NULL]
        return empty.astype(dict.fromkeys(unknown, "int64"))

    def to_arrow(self) -> pyarrow.Table:
        """All rows as an Arrow table."""
        return pyarrow.Table.from_batches(self.batches(), self.schema)

    def to_polars(self) -> polars.DataFrame:
        """All rows as a polars DataFrame. Raises ImportError where polars is not installed."""
        try:
            import polars
        except ImportError:
            raise ImportError("to_polars() needs polars: pip install polars") from None
        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def reader(self) -> pyarrow.RecordBatchReader:
        """The rows as a stream of batches, each of which is read when it is asked for."""
        return pyarrow.RecordBatchReader.from_batches(self.schema, self.batches())

    def _frame(self, batch: pyarrow.RecordBatch, python: Set[str]) -> pandas.DataFrame:
        import pandas

        columns: dict[str, Any] = {}
        for name, kind in self.columns.items():
            if name in python:
                columns[name] = pandas.Series(to_python(batch[name], kind), dtype="object")
            else:
                columns[name] = batch[name].to_pandas()
        return pandas.DataFrame(columns)

    def _python(self) -> Set[str]:
        """The columns that are Python values in pandas."""
        found = [one.manifest for one in self.snapshots.values() if one.manifest.rows]
        python = set()
        for name, kind in self.stored.items():
            if name not in INDEX:
                has_nulls = any(name not in one.columns or one.has_nulls(name) for one in found)
                if needs_python(kind, has_nulls) or is_nested(type_of(kind)):
                    python.add(name)
        return python

    def _inexact(self, error: Inexact, partition: str | None) -> TypeError:
        """The error for a partition that has a value which another's type does not hold."""
        kinds = {
            one: snapshot.manifest.columns.get(error.column)
            for one, snapshot in self.snapshots.items()
        }
        other = next((one for one, kind in kinds.items() if kind != kinds[partition]), None)
        if other is None:
            return error
        return TypeError(
            f"The column {printable(repr(error.column), 100)} of the partition {partition!r} has a value that the "
            f"type of the partition {other!r} does not hold ({error.why}). {_ADVICE}"
        )


_ADVICE = "read them one by one, name the columns without it, or materialize one of them again"


def undisturbed(read: Callable[[], T]) -> T:
    """What `read` gives, which is called again where a commit has meanwhile replaced what it was reading."""
    for _ in range(_READINGS - 1):
        try:
            return read()
        except Replaced:
            continue
    return read()


def _columns(snapshots: Mapping[str | None, Snapshot]) -> dict[str, Kind]:
    """All columns in the files, in the order in which they are first met, each of a kind that holds all values."""
    found: dict[str, Kind] = dict(INDEX)
    for partition, snapshot in snapshots.items():
        for name, kind in snapshot.manifest.columns.items():
            try:
                found[name] = widened(found.get(name, NULL), kind)
            except MixedTypes as error:
                other = _first_of_another(snapshots, name, kind)
                whose = f"the column {name!r} of the partitions {other!r} and {partition!r} has"
                raise error.of(whose, _ADVICE) from None
    if found.get("result") == NULL and any(one.manifest.unpacks for one in snapshots.values()):
        del found["result"]  # of a partition that has nothing but None, where others have fields
    return found


def _first_of_another(
    snapshots: Mapping[str | None, Snapshot], name: str, kind: Kind
) -> str | None:
    """The first partition whose column has nothing in common with one of this kind."""
    for partition, snapshot in snapshots.items():
        try:
            widened(snapshot.manifest.columns.get(name, NULL), kind)
        except MixedTypes:
            return partition
    return None


def _chosen(columns: Sequence[str], there: Sequence[str]) -> list[str]:
    """The names that were asked for."""
    if isinstance(columns, str):
        raise TypeError(f"columns is a list of names: write [{columns!r}]")
    if not columns:
        raise ValueError("columns names none: leave it out to read all")
    for name in columns:
        if name not in there:
            close = get_close_matches(str(name), there)
            near = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
            names = printable(", ".join(map(repr, there)), 500)
            raise ValueError(f"The results have no column {name!r}. {near}They have {names}.")
    return list(dict.fromkeys(columns))
