"""Which item each result belongs to: a file beside the parts, with a row for each item in the order of the index.

Results of a run with a key have `_keys.parquet`. By it the next run sees which items are new, which have changed, and
which have failed. A run that is at work has another, of the items that it calls: `_kept-called.parquet`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import KEPT

KEYS = "_keys.parquet"
CALLED = f"{KEPT}-called.parquet"
GOOD, FAILED, LEFT_OUT = 0, 1, 2
"""What became of an item: it has a result; it has failed; it was not called, as another has the same key."""
_MADE_FROM = b"made from"
_GROUP_ROWS = 2**17


class Keys(NamedTuple):
    """Some items, in order. All columns are of the same length."""

    key: pyarrow.Array
    """What identifies each, as text; null for a record that cannot be read, and for one that was left out."""
    content: numpy.ndarray
    """A hash of what the function was given (uint64)."""
    kept: numpy.ndarray
    """A hash of the columns that are kept beside the result (uint64)."""
    stamp: numpy.ndarray
    """What tells without reading an item that it has not changed (uint64); 0 where nothing does."""
    status: numpy.ndarray
    """What became of it: GOOD, FAILED or LEFT_OUT (int8)."""
    has_row: numpy.ndarray
    """Whether the results have a row for it (bool)."""

    @property
    def size(self) -> int:
        """How many items."""
        return len(self.key)

    def take(self, positions: numpy.ndarray) -> Keys:
        """Those at some positions."""
        key = self.key.take(as_array(positions.astype(numpy.int64)))
        return Keys(key, *(column[positions] for column in self[1:]))

    def equals(self, others: Keys) -> bool:
        """Whether these are the same in all that is known of them."""
        both = zip(self[1:], others[1:], strict=True)
        return bool(self.key.equals(others.key)) and all(numpy.array_equal(*two) for two in both)

    def rows(self) -> numpy.ndarray:
        """The row of each in the results; -1 where it has none."""
        return numpy.where(self.has_row, numpy.cumsum(self.has_row) - 1, -1)


def keys_of(key: pyarrow.Array, *columns: numpy.ndarray | None) -> Keys:
    """Keys with what is known of them; columns that are not given, or None, are 0, and GOOD with a row."""
    count = len(key)
    types = (numpy.uint64, numpy.uint64, numpy.uint64, numpy.int8)
    given = [*columns, *[None] * (5 - len(columns))]
    content, kept, stamp, status = (
        numpy.zeros(count, of) if one is None else one.astype(of, copy=False)
        for one, of in zip(given, types, strict=False)
    )
    has_row = numpy.ones(count, bool) if given[4] is None else given[4]
    return Keys(key, content, kept, stamp, status, has_row)


def write_keys(generation: Generation, name: str, keys: Keys, made_from: Any) -> None:
    """Write keys, which survive a power cut, and what their results are made from, as JSON. Raises CannotWrite."""
    table = pyarrow.table(
        {"key": keys.key}
        | {name: as_array(column) for name, column in keys._asdict().items() if name != "key"}
    ).replace_schema_metadata({_MADE_FROM: json.dumps(made_from).encode()})
    with (
        generation.writing(name, durable=True) as file,
        parquet.ParquetWriter(
            file,
            table.schema,
            compression={name: "zstd" if name == "key" else "none" for name in table.column_names},
            use_dictionary=False,
            write_statistics=False,
        ) as writer,
    ):
        writer.write_table(table, _GROUP_ROWS)


def read_keys(generation: Generation, name: str) -> tuple[Keys, Any] | None:
    """Keys, and what their results are made from; None where there are none, or what is there is damaged."""
    try:
        with generation.open(name) as file:
            table = parquet.ParquetFile(file).read()
        key = table["key"].cast(pyarrow.large_string()).combine_chunks()
        columns = [_numbers(table[name]) for name in Keys._fields[1:]]
        return Keys(_one(key), *columns), json.loads(table.schema.metadata[_MADE_FROM])
    except (OSError, KeyError, TypeError, ValueError, pyarrow.ArrowException):
        return None


def as_array(numbers: numpy.ndarray) -> pyarrow.Array:
    """Numbers as Arrow has them, on the same memory but for bits. Not `pyarrow.array`, which imports pandas."""
    if numbers.dtype == bool:
        bits = pyarrow.py_buffer(numpy.packbits(numbers, bitorder="little"))
        return pyarrow.Array.from_buffers(pyarrow.bool_(), len(numbers), [None, bits])
    stored = pyarrow.from_numpy_dtype(numbers.dtype)
    buffer = pyarrow.py_buffer(numpy.ascontiguousarray(numbers))
    return pyarrow.Array.from_buffers(stored, len(numbers), [None, buffer])


def _numbers(column: pyarrow.ChunkedArray) -> numpy.ndarray:
    found: numpy.ndarray = column.to_numpy()
    return found


def _one(array: pyarrow.Array | pyarrow.ChunkedArray) -> pyarrow.Array:
    return array if isinstance(array, pyarrow.Array) else pyarrow.concat_arrays(array.chunks)


def runs_of(positions: numpy.ndarray) -> Iterator[tuple[int, int]]:
    """Ascending positions as ranges of those that follow one another."""
    if not len(positions):
        return
    edges = numpy.flatnonzero(numpy.diff(positions) != 1) + 1
    for some in numpy.split(positions, edges):
        yield int(some[0]), int(some[-1]) + 1
