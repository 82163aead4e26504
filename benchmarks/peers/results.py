"""What a contender wrote, read back without the project's own readers, and compared item by item."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from fanout_pipeline.measuring.correctness.order_check import OrderCheck

Integers = NDArray[numpy.int64]


@dataclass(frozen=True, slots=True)
class Results:
    """The columns, in the order of the files' names and of the rows in them."""

    index: Integers
    result: Integers

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.result.tobytes()).hexdigest()


def read_back(folder: Path) -> Results:
    """Raises ValueError where there is no Parquet with the columns index and result, all integers."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise ValueError(f"it wrote no Parquet file to {folder}")
    tables = [parquet.ParquetFile(file).read(columns=["index", "result"]) for file in files]
    columns = []
    for name in ("index", "result"):
        column = pyarrow.chunked_array(
            [chunk.cast(pyarrow.int64()) for table in tables for chunk in table[name].chunks],
            pyarrow.int64(),
        )
        if column.null_count:
            raise ValueError(f"its column {name} has {column.null_count:,} nulls")
        columns.append(column.to_numpy())
    return Results(*columns)


def compared(found: Results, expected: Results, items: int) -> OrderCheck:
    """Each row against the plain loop's result of that index, and the rows' order."""
    index, result = found.index, found.result
    known = (index >= 0) & (index < items)
    times = numpy.bincount(index[known], minlength=items)
    wrong = ~known
    wrong[known] = result[known] != expected.result[index[known]]
    out_of_place = index != numpy.sort(index)
    each_once = len(index) == items and bool((times == 1).all())
    if (
        each_once
        and wrong.any()
        and numpy.array_equal(numpy.sort(result), numpy.sort(expected.result))
    ):
        # All results, numbered as they came: it is their order that was lost.
        out_of_place, wrong = out_of_place | wrong, numpy.zeros_like(wrong)
    divergent = numpy.flatnonzero(wrong | out_of_place)
    return OrderCheck(
        items=len(index),
        expected_items=items,
        out_of_place=int(out_of_place.sum()),
        missing=int((times == 0).sum()),
        duplicated=int(numpy.maximum(times - 1, 0).sum()),
        wrong=int(wrong.sum()),
        first_divergent_index=int(divergent[0]) if len(divergent) else None,
        expected_there="",
        found_there="",
    )
