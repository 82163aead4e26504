"""Which rows a Parquet input has: its files, their row groups and columns, as their footers say."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from fanout_pipeline.sources.columns import in_common, nearest
from fanout_pipeline.sources.many_files import File, is_glob, listing_of
from fanout_pipeline.sources.parquet_errors import understood
from fanout_pipeline.sources.source import BadInput

if TYPE_CHECKING:
    import pyarrow

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class Footer(NamedTuple):
    """What is needed of a file's footer."""

    groups: tuple[int, ...]
    """How many rows each row group has."""
    schema: pyarrow.Schema


class RowFile(NamedTuple):
    """One file of an input."""

    path: str
    stamp: str
    """Its size, time and inode, of which at least one differs once it was written to or replaced."""
    groups: tuple[int, ...]
    """How many rows each row group has."""
    schema: int
    """Position of its schema among those of the input."""


class GroupRange(NamedTuple):
    """Rows of one row group."""

    group: int
    """Position of the row group among those of the whole input."""
    start: int
    stop: int
    """The first row after them; like `start` counted from the beginning of the row group."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The rows of an input, as they were at one time. Equal only to itself, so that it is a quick key of a cache."""

    files: tuple[RowFile, ...]
    schemas: tuple[pyarrow.Schema, ...]
    """The different ones of the files."""
    keys: tuple[str, ...]
    """Columns that folders are named for, as in `country=de`, and that no file has."""
    partitions: tuple[pyarrow.StringArray, ...]
    """The values of these columns, one a file. Workers make no arrays of Python values: that imports pandas."""

    @cached_property
    def edges(self) -> list[int]:
        """The row at which each row group begins, and how many rows there are."""
        return list(accumulate((rows for file in self.files for rows in file.groups), initial=0))

    @cached_property
    def first_groups(self) -> list[int]:
        """Position of the first row group of each file, and how many there are."""
        return list(accumulate((len(file.groups) for file in self.files), initial=0))

    @property
    def rows(self) -> int:
        return self.edges[-1]

    def ranges(self, start: int, stop: int) -> Iterator[GroupRange]:
        """What of each row group lies in a range of rows."""
        edges = self.edges
        for group in range(max(0, bisect_right(edges, start) - 1), len(edges) - 1):
            begin, end = edges[group], edges[group + 1]
            if begin >= stop:
                return
            if max(begin, start) < min(end, stop):
                yield GroupRange(group, max(begin, start) - begin, min(end, stop) - begin)

    def place(self, group: int) -> tuple[int, int]:
        """The number of the file that a row group is in, and which of that file's row groups it is."""
        number = bisect_right(self.first_groups, group, hi=len(self.files)) - 1
        return number, group - self.first_groups[number]

    def schema(self, names: Sequence[str] | None) -> pyarrow.Schema:
        """Columns as all files have them, or can be read without loss. Raises BadInput."""
        return _schema_of(self, None if names is None else tuple(names))

    @cached_property
    def alike(self) -> list[str]:
        """Columns that all files have alike."""
        found = []
        for name in (*self.schemas[0].names, *self.keys):
            try:
                self.type_of(name)
            except BadInput:
                continue
            found.append(name)
        return found

    def type_of(self, name: str) -> pyarrow.DataType:
        """The type that a column has in all files. Raises BadInput."""
        import pyarrow

        if name in self.keys:
            return pyarrow.string()
        has = [name in schema.names for schema in self.schemas]
        if not all(has):
            file = self._example(has.index(False))
            other = f", which {self._example(has.index(True))} has" if any(has) else ""
            names = (*self.schemas[has.index(False)].names, *self.keys)
            raise BadInput(
                f"{file} has no column {name!r}{other}. {nearest(name, names)}{_ADVICE if other else ''}"
            )
        common = pyarrow.null()
        for number, schema in enumerate(self.schemas):
            if schema.names.count(name) > 1:
                raise BadInput(
                    f"{self._example(number)} has several columns {name!r}. Give each a name of its own, "
                    "or leave them out with columns=."
                )
            found = schema.field(name).type
            both = in_common(common, found)
            if both is None:
                raise BadInput(
                    f"The column {name!r} is {found} in {self._example(number)}, and {common} in "
                    f"{self._example(0)}.{_ADVICE}"
                )
            common = both
        return common

    def _example(self, schema: int) -> str:
        return next(file.path for file in self.files if file.schema == schema)


_ADVICE = (
    " Files of one input must agree: write them with one schema, name those that do with a glob, or "
    "name the columns in which they agree with columns=."
)


@lru_cache(maxsize=8)
def _schema_of(layout: Layout, names: tuple[str, ...] | None) -> pyarrow.Schema:
    import pyarrow

    if names is None:
        everywhere = [*(name for one in layout.schemas for name in one.names), *layout.keys]
        names = tuple(dict.fromkeys(everywhere))
    return pyarrow.schema([(name, layout.type_of(name)) for name in names])


@lru_cache(maxsize=4)
def layout_of(path: str, token: str) -> Layout:
    """The layout of the files that a listing's token names. Raises BadInput."""
    import pyarrow

    files: tuple[File, ...] = listing_of(token).files
    base = _base(path)
    partitions = [_partition(file.path, base) for file in files]
    footers = [footer(file.path, f"{file.size} {file.stamp}") for file in files]
    keys = tuple(partitions[0])
    for file, partition in zip(files, partitions, strict=True):
        if partition.keys() != partitions[0].keys():
            raise BadInput(
                f"{file.path} and {files[0].path} lie in folders that are named for different columns: "
                f"{', '.join(partition) or 'none'} and {', '.join(keys) or 'none'}. Move one of them, or "
                "name the files with a glob."
            )
    schemas: list[pyarrow.Schema] = []
    for found in footers:
        if found.schema not in schemas:
            schemas.append(found.schema)
    keys = tuple(key for key in keys if not any(key in schema.names for schema in schemas))
    return Layout(
        tuple(
            RowFile(
                file.path,
                f"{file.size} {file.stamp}",
                found.groups,
                schemas.index(found.schema),
            )
            for file, found in zip(files, footers, strict=True)
        ),
        tuple(schemas),
        keys,
        tuple(pyarrow.array([one[key] for one in partitions], pyarrow.string()) for key in keys),
    )


def _base(path: str) -> str:
    """The folder below which the names of folders are columns."""
    if not is_glob(path):
        return path if os.path.isdir(path) else os.path.dirname(path)
    while is_glob(path):
        path = os.path.dirname(path)
    return path


def _partition(path: str, base: str) -> dict[str, str | None]:
    """The columns that folders are named for, as Hive does: `country=de`. Values are text, as in the names."""
    folders = os.path.relpath(os.path.dirname(path) or ".", base or ".").split(os.sep)
    pairs = [folder.split("=", 1) for folder in folders if "=" in folder]
    return {
        unquote(key): None if value == _NULL_PARTITION else unquote(value) for key, value in pairs
    }


@lru_cache(maxsize=2**16)
def footer(path: str, stamp: str) -> Footer:
    """What the footer of a file says that has this stamp. Raises BadInput."""
    from pyarrow import parquet

    with understood(path), open(path, "rb") as file:
        found = parquet.ParquetFile(file)
        groups = (found.metadata.row_group(number) for number in range(found.num_row_groups))
        schema = found.schema_arrow.remove_metadata()
        return Footer(tuple(group.num_rows for group in groups), _shared(schema.serialize()))


def _shared(serialized: pyarrow.Buffer) -> pyarrow.Schema:
    """One object for all files that have it."""
    return _schema(serialized.to_pybytes())


@lru_cache(maxsize=2**8)
def _schema(serialized: bytes) -> pyarrow.Schema:
    import pyarrow

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(serialized))
