"""One chunk's results as a Parquet file of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.results.store.digest import column_digest
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.manifest import PartRecord, part_name
from fanout_pipeline.results.store.part_file import encoded, schema_of
from fanout_pipeline.results.types.buffer import ResultBuffer
from fanout_pipeline.results.types.column import Column, from_words, to_column
from fanout_pipeline.results.types.layout import PLAIN, Layout, require_free


def write_part(
    generation: Generation,
    number: int,
    first_index: int,
    results: ResultBuffer | Sequence[Any] | pyarrow.Array,
    omitted: Sequence[int] = (),
    layout: Layout = PLAIN,
    kept: pyarrow.Table | None = None,
) -> PartRecord:
    """Write one part, which appears under its name once it is whole.

    `omitted` are the positions, ascending, of items that have no result: the part has no row for them.
    `kept` has the columns that the layout keeps of the items, of these and perhaps of more that follow.
    Raises MixedTypes if the results have no common type, TypeError if Parquet has none for them, and
    CannotWrite if the disk is full or the folder is not writable.
    """
    items = len(results) + len(omitted)
    indexes = numpy.arange(first_index, first_index + items)
    if len(omitted):
        indexes = numpy.delete(indexes, omitted)
    column = to_column(results, indexes, layout.kind)
    beside = _kept_columns(kept, layout, items, indexes - first_index if len(omitted) else None)
    named = first_index, items, indexes
    return write_columns(generation, number, *named, column, beside, layout)


def write_columns(
    generation: Generation,
    number: int,
    first_index: int,
    items: int,
    indexes: numpy.ndarray,
    column: Column,
    beside: Mapping[str, Column],
    layout: Layout,
) -> PartRecord:
    """Write a part of `items` items, of which those with `indexes` have a row: a result, and columns beside it.

    Raises what `write_part` does.
    """
    columns = {**beside, **_result_columns(column, layout)}
    schema = schema_of({name: one.kind for name, one in columns.items()})
    arrays = [from_words(indexes, pyarrow.int64()), *(one.array for one in columns.values())]
    data = encoded(schema, [pyarrow.Table.from_arrays(arrays, schema=schema)])
    with generation.writing(part_name(number)) as file:
        file.write(data)
    omitted = items - len(indexes)
    return PartRecord(
        number=number,
        first_index=first_index,
        items=items,
        digest=column_digest(column, first_index, indexes if omitted else None),
        kind=column.kind,
        nulls=column.array.null_count,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pid=os.getpid(),
        omitted=omitted,
        kept={name: one.kind for name, one in beside.items()},
        nullable=tuple(
            name for name, one in columns.items() if one is not column and one.array.null_count
        ),
    )


def _result_columns(column: Column, layout: Layout) -> dict[str, Column]:
    """`result`, or the fields of dicts where they are to be unpacked."""
    if not layout.unpack or not isinstance(column.kind, dict):
        return {"result": column}
    require_free(column.kind, layout.keep)
    if not column.kind:
        return {}
    fields = column.array.flatten()
    return {
        name: Column(field, kind)
        for (name, kind), field in zip(column.kind.items(), fields, strict=True)
    }


def _kept_columns(
    kept: pyarrow.Table | None, layout: Layout, items: int, positions: numpy.ndarray | None
) -> dict[str, Column]:
    """The kept columns of the items that have a row; `positions` are theirs where some have none."""
    if not layout.keep:
        return {}
    if kept is None or len(kept) < items:
        raise TypeError(
            f"{items:,} items, but {0 if kept is None else len(kept):,} rows of the columns to keep "
            f"({', '.join(layout.keep)}): as_arrow() of the source's items must give a row for each"
        )
    kept = kept.slice(0, items)
    if positions is not None:
        kept = kept.take(from_words(positions, pyarrow.int64()))
    return columns_beside(kept, layout.keep)


def columns_beside(kept: pyarrow.Table, names: Sequence[str]) -> dict[str, Column]:
    """Columns of a table as they are kept beside results."""
    columns = {}
    for name in names:
        chunks = kept[name].combine_chunks()
        if isinstance(chunks, pyarrow.ChunkedArray):
            chunks = pyarrow.concat_arrays(chunks.chunks)
        columns[name] = to_column(chunks)
    return columns
