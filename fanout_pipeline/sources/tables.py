"""Tables that are in memory: data frames, Arrow tables and whatever gives its columns as Arrow streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.objects import InMemory
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.reading import Reading, version_of

if TYPE_CHECKING:
    import pandas
    import pyarrow

_GROUP_BYTES = 2**20
_GROUP_ROWS = 2**16
_EXACT = {"string", "bytes", "boolean", "integer", "date", "empty"}
"""What pandas calls the contents of an object column that Arrow gives back as they were."""
_ITEM = "item"
"""The name of the only column of what is no table."""


def frame_source(items: Any, columns: Sequence[str] | None = None) -> Source:
    """The source of a frame, a table, or a single column. Raises TypeError where a column is missing."""
    name = f"the {type(items).__name__}"
    if type(items).__module__.partition(".")[0] == "pandas":
        return _pandas_source(items, name, columns)
    import pyarrow

    if hasattr(items, "dtype") and not hasattr(items, "__arrow_c_stream__"):  # NumPy
        return Frame(pyarrow.table({_ITEM: pyarrow.array(items)}), name, True)
    if isinstance(items, pyarrow.RecordBatchReader):
        return Frame(items, name, *_chosen(items.schema.names, columns))
    try:
        table = pyarrow.table(items)
    except (TypeError, ValueError, pyarrow.ArrowInvalid):  # One column: a Series, a chunked array.
        column = pyarrow.chunked_array(items)
        return Frame(pyarrow.table({_ITEM: column}), name, True)
    plain, names = _chosen(table.column_names, columns)
    return Frame(table if names is None else table.select(list(names)), name, plain)


def _chosen(
    there: Sequence[str], columns: Sequence[str] | None
) -> tuple[bool, tuple[str, ...] | None]:
    """Whether items are plain values, and of which columns; None: of all."""
    if len(set(there)) < len(there):
        twice = next(name for name in there if list(there).count(name) > 1)
        raise TypeError(f"Two columns are called {twice!r}. Rename one.")
    if columns is None:
        return False, None
    for name in columns:
        if name not in there:
            near = get_close_matches(str(name), list(map(str, there)), 3) or list(map(str, there))
            raise TypeError(f"There is no column {name!r}. There are: {', '.join(near)}.")
    return len(columns) == 1, tuple(columns)


@dataclass(frozen=True, slots=True)
class Frame(Source):
    """Rows of an Arrow table, or of a stream of its batches, which is read once."""

    table: pyarrow.Table | pyarrow.RecordBatchReader = field(repr=False, compare=False)
    name: str
    plain: bool = False
    """Whether items are the values of the only column, rather than dicts."""
    columns: tuple[str, ...] | None = None
    """The columns of a stream's batches that are read."""

    def version(self) -> Version:
        return Version("in memory", getattr(self.table, "num_rows", 0))

    def read(self, chunk: Chunk) -> Items:
        if not hasattr(self.table, "slice"):
            raise BadInput(
                f"The batches of {self.name} were consumed by the run. To read them again, give a table."
            )
        return Rows(chunk, self.table.slice(chunk.start, chunk.size), self.plain)

    def feed(self) -> Feed:
        return _Batches(self)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


class Rows(Items):
    """Rows as Python would have them; made when they are asked for."""

    def __init__(self, chunk: Chunk, table: pyarrow.Table, plain: bool):
        super().__init__(chunk, ())
        self._table = table
        self._plain = plain

    @cached_property
    def _made(self) -> Sequence[Any]:
        table = _in_microseconds(self._table)
        return table.column(0).to_pylist() if self._plain else table.to_pylist()  # type: ignore[no-any-return]

    @property
    def values(self) -> Sequence[Any]:
        return self._made

    @cached_property
    def unreadable(self) -> dict[int, Any]:
        return {}

    def as_batch(self) -> Any:
        return self._table.column(0).to_pandas() if self._plain else self._table.to_pandas()

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        return self._table if columns is None else self._table.select(list(columns))

    def __len__(self) -> int:
        return self._table.num_rows  # type: ignore[no-any-return]


def _in_microseconds(table: pyarrow.Table) -> pyarrow.Table:
    """The same with times in microseconds, as Python has them, where that loses nothing."""
    import pyarrow

    for number, one in enumerate(table.schema):
        kind = one.type
        if pyarrow.types.is_timestamp(kind):
            target = pyarrow.timestamp("us", kind.tz)
        elif pyarrow.types.is_duration(kind):
            target = pyarrow.duration("us")
        elif pyarrow.types.is_time64(kind):
            target = pyarrow.time64("us")
        else:
            continue
        if kind.unit == "ns":
            try:
                column = table.column(number).cast(target)
            except pyarrow.ArrowInvalid:  # Then they are pandas' own, which have nanoseconds.
                continue
            table = table.set_column(number, one.name, column)
    return table


class _Batches(Feed):
    """Feeds rows as Arrow streams, each of which can be read by itself."""

    def __init__(self, frame: Frame):
        self._frame = frame
        self._total = getattr(frame.table, "num_rows", None)
        self._read = 0

    def reader(self, files: Files) -> Source:
        return SpooledRows(files, self._frame.name, self._frame.plain)

    def groups(self) -> Iterator[Group]:
        import pyarrow

        for batch in self._batches():
            sink = pyarrow.BufferOutputStream()
            with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            self._read += batch.num_rows
            yield Group(sink.getvalue().to_pybytes(), batch.num_rows, batch.num_rows)

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        table = self._frame.table
        whole: Iterable[pyarrow.Table]
        if isinstance(table, pyarrow.Table):
            whole = [table]
        else:
            columns = self._frame.columns
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

    for number, one in enumerate(table.schema):
        if pyarrow.types.is_dictionary(one.type):
            column = table.column(number)
            if any(len(chunk.dictionary) > len(table) for chunk in column.chunks):
                values = column.cast(one.type.value_type).dictionary_encode().cast(one.type)
                table = table.set_column(number, one, values)
    return table


@dataclass(frozen=True, slots=True)
class SpooledRows(Source):
    """What has arrived of a spool of Arrow streams. A unit is one row."""

    files: Files = field(repr=False)
    name: str
    plain: bool

    def version(self) -> Version:
        return version_of(self.files)

    def read(self, chunk: Chunk) -> Items:
        import pyarrow

        tables = []
        with Reading(self.files) as reading:
            for group, start, stop in reading.groups(chunk.start, chunk.stop):
                table = pyarrow.ipc.open_stream(group).read_all()
                tables.append(table.slice(start, stop - start))
        # No columns are known where no rows are.
        table = pyarrow.concat_tables(tables) if tables else pyarrow.table({_ITEM: []})
        return Rows(chunk, table, self.plain)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


def _pandas_source(items: Any, name: str, columns: Sequence[str] | None) -> Source:
    """Through Arrow where that keeps every value as it is, else as Python objects."""
    import pandas
    import pyarrow

    if isinstance(items, pandas.Series | pandas.Index):
        frame, plain = pandas.DataFrame({_ITEM: items.array}), True
        if columns is not None:
            raise TypeError(f"columns={tuple(columns)} is for frames and tables, not for {name}.")
    else:
        plain, names = _chosen(list(items.columns), columns)
        frame = items if names is None else items[list(names)]
    frame = frame.reset_index(drop=True)
    if all(isinstance(one, str) and _is_exact(frame[one]) for one in frame.columns):
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
            pass
        else:
            return Frame(table.replace_schema_metadata(), name, plain)
    return InMemory(_Records(frame, plain), name)


def _is_exact(column: pandas.Series) -> bool:
    from pandas.api.types import infer_dtype

    return column.dtype != object or infer_dtype(column, skipna=True) in _EXACT


class _Records(Sequence[Any]):
    """The rows of a DataFrame that Arrow would not keep as they are."""

    def __init__(self, frame: pandas.DataFrame, plain: bool):
        self._frame = frame
        self._plain = plain

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            (row,) = self[position : position + 1 or None]
            return row
        part = self._frame.iloc[position]
        columns = [_as_python(part[name]) for name in part.columns]
        if self._plain:
            return columns[0]
        names = list(part.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _GROUP_ROWS // 64):
            yield from self[start : start + _GROUP_ROWS // 64]


def _as_python(column: pandas.Series) -> list[Any]:
    """The values with None for what is missing."""
    import pyarrow

    if _is_exact(column):
        try:
            array = pyarrow.chunked_array([pyarrow.array(column, from_pandas=True)])
            table = _in_microseconds(pyarrow.table({_ITEM: array}))
            return table.column(0).to_pylist()  # type: ignore[no-any-return]
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
            pass
    missing = column.isna()
    return [None if gone else one for one, gone in zip(column.tolist(), missing, strict=True)]
