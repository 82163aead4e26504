"""Arrow tables that are in memory, and streams of their batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.table_rows import Rows, SpooledRows

if TYPE_CHECKING:
    import pyarrow

_GROUP_BYTES = 2**20
_GROUP_ROWS = 2**16


def chosen(there: Sequence[str], columns: Sequence[str] | None, keep: Sequence[str]) -> list[str]:
    """The columns that are read, those that are kept included. Raises TypeError where one is not there."""
    if len(set(there)) < len(there):
        twice = next(name for name in there if list(there).count(name) > 1)
        raise TypeError(f"Two columns are called {twice!r}. Rename one.")
    for name in (*(columns or ()), *keep):
        if name not in there:
            near = nearest(str(name), list(map(str, there)))
            raise TypeError(f"There is no column {name!r}. {near}")
    return list(dict.fromkeys([*(there if columns is None else columns), *keep]))


@dataclass(frozen=True, slots=True)
class Frame(Source):
    """Rows of an Arrow table, or of a stream of its batches, which is read once."""

    table: pyarrow.Table | pyarrow.RecordBatchReader = field(repr=False, compare=False)
    name: str
    columns: Sequence[str] | None = None
    """Those that items have: of one, items are its values. None stands for all."""
    read_columns: Sequence[str] | None = None
    """The columns of a stream's batches that are read."""

    UNIT: ClassVar[str] = "rows"

    def require_columns(self, names: Sequence[str]) -> None:
        """Raises BadInput unless each of these can be kept."""
        there = self.read_columns or self.table.schema.names
        for name in names:
            if name not in there:
                raise BadInput(f"{self.name} has no column {name!r}. {nearest(name, there)}")

    def version(self) -> Version:
        return Version("in memory", getattr(self.table, "num_rows", 0))

    def read(self, chunk: Chunk) -> Items:
        if not hasattr(self.table, "slice"):
            raise BadInput(
                f"The batches of {self.name} were consumed by the run. To read them again, give a table."
            )
        return Rows(chunk, self.table.slice(chunk.start, chunk.size), self.columns)

    def feed(self) -> Feed:
        return _Batches(self)

    def sent(self, chunk: Chunk) -> Source | None:
        if not hasattr(self.table, "slice"):
            return None
        rows = _few_categories(self.table.slice(chunk.start, chunk.size))
        return SentRows(streamed(rows), chunk.start, self.name, self.columns)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SentRows(Source):
    """Some rows, for a process that has not got the rest."""

    stream: bytes = field(repr=False)
    first: int
    """The index of the first."""
    name: str
    columns: Sequence[str] | None

    def version(self) -> Version:
        return Version("in memory", 0)

    def read(self, chunk: Chunk) -> Items:
        import pyarrow

        table = pyarrow.ipc.open_stream(self.stream).read_all()
        return Rows(chunk, table.slice(chunk.start - self.first, chunk.size), self.columns)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


def streamed(rows: pyarrow.Table | pyarrow.RecordBatch) -> bytes:
    """Rows as an Arrow stream."""
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write(rows)
    data: bytes = sink.getvalue().to_pybytes()
    return data


class _Batches(Feed):
    """Feeds rows as Arrow streams, each of which can be read by itself."""

    def __init__(self, frame: Frame):
        self._frame = frame
        self._total = getattr(frame.table, "num_rows", None)
        self._read = 0

    def reader(self, files: Files) -> Source:
        return SpooledRows(files, self._frame.name, self._frame.columns)

    def beginning(self, group: Group, items: int) -> Group:
        import pyarrow

        table = pyarrow.ipc.open_stream(group.data).read_all()
        return Group(streamed(table.slice(0, items)), items, items)

    def groups(self) -> Iterator[Group]:
        for batch in self._batches():
            self._read += batch.num_rows
            yield Group(streamed(batch), batch.num_rows, batch.num_rows)

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        table = self._frame.table
        whole: Iterable[pyarrow.Table]
        if isinstance(table, pyarrow.Table):
            whole = [table]
        else:
            columns = self._frame.read_columns
            whole = (pyarrow.Table.from_batches([one]) for one in self._streamed(table))
            if columns is not None:
                whole = (one.select(list(columns)) for one in whole)
        for one in whole:
            rows = max(1, min(_GROUP_ROWS, _GROUP_BYTES * len(one) // max(1, one.nbytes)))
            for start in range(0, len(one), rows):
                yield from _few_categories(one.slice(start, rows)).combine_chunks().to_batches()

    def _streamed(self, reader: pyarrow.RecordBatchReader) -> Iterator[pyarrow.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            raise BadInput(
                f"{self._frame.name} raised {type(error).__name__} after {self._read:,} rows: {error}"
            ) from error

    def share(self) -> float | None:
        if self._total is None:
            return None
        return self._read / self._total if self._total else 1.0


def _few_categories(table: pyarrow.Table) -> pyarrow.Table:
    """The same rows with none but their own categories, where a column has more of them than rows."""
    import pyarrow

    for number, name in enumerate(table.column_names):
        column = table.column(number)
        if not pyarrow.types.is_dictionary(column.type):
            continue
        if str(column.type.value_type) == "string_view":  # polars', which Arrow cannot encode
            plain = pyarrow.large_string()
            chunks = [
                pyarrow.DictionaryArray.from_arrays(one.indices, one.dictionary.cast(plain))
                for one in column.chunks
            ]
            column = pyarrow.chunked_array(
                chunks, pyarrow.dictionary(column.type.index_type, plain)
            )
            table = table.set_column(number, name, column)
        if any(len(chunk.dictionary) > len(table) for chunk in column.chunks):
            values = column.cast(column.type.value_type).dictionary_encode().cast(column.type)
            table = table.set_column(number, name, values)
    return table
