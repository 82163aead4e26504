"""A contender's results, kept as integers in a file by its trial, and compared item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from fanout_pipeline.measuring.correctness.order_check import OrderCheck

Integers = NDArray[numpy.int64]


@dataclass(frozen=True, slots=True)
class Results:
    """The places of the items, and a word for each result."""

    index: Integers
    result: Integers

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.result.tobytes()).hexdigest()


def keep(results: Iterable[Any], path: Path) -> None:
    """Write them down: integers as they are, of all else eight bytes of a hash of the value and its type."""
    words = [result if type(result) is int else _word(result) for result in results]
    numpy.save(path, numpy.array(words, numpy.int64))


def _word(result: Any) -> int:
    value = result if isinstance(result, bytes) else repr(result).encode()
    hashed = hashlib.blake2b(value, digest_size=8, person=type(result).__name__.encode()[:16])
    return int.from_bytes(hashed.digest(), signed=True)


def kept(path: Path) -> Results:
    """What `keep` has written, each result with its place."""
    result = numpy.load(path)
    return Results(numpy.arange(len(result)), result)


def compared(found: Results, expected: Results, items: int) -> OrderCheck:
    """Each result against the plain loop's of that place, and the order."""
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
