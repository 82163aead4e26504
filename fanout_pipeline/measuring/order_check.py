"""Are these the reference's results, all of them, in its order? Streaming, in flat memory.

One pass compares position by position and stops there when all agree, or when both folders hold
the same results in another order. Else the results are counted, in as many passes as keep a pass
small, and a last pass finds what is lost, repeated or wrong, and whether the rest is in order.
Results are compared by 64-bit hashes (`parts.digest`; exact for integers that fit in int64). Where those
differ and results hold floats, these are compared by their relative difference (see `nearness`): in
the first pass position by position, later among the results that have no match.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy

from fanout_pipeline.measuring.result_streams import (
    Compared,
    Finding,
    blocks,
    compared,
    differing,
    pairs,
)
from fanout_pipeline.measuring.unmatched import Unmatched, unmatched
from fanout_pipeline.results.read import Snapshot

_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two results of the same item."""

    index: int
    item: str
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What a comparison with the reference found."""

    items: int
    expected_items: int
    out_of_place: int
    """Results of the reference that are there, but not in its order."""
    missing: int
    duplicated: int
    """Results that are there more often than in the reference."""
    wrong: int
    """Results that the reference does not have."""
    first_divergent_index: int | None
    """Of the first result in which the two differ."""
    expected_there: str
    found_there: str
    displaced: tuple[Finding, ...] = ()
    """The first few that are out of place, where nothing else is amiss."""
    lost: tuple[Finding, ...] = ()
    """The first few of what is missing; likewise the next two."""
    repeated: tuple[Finding, ...] = ()
    foreign: tuple[Finding, ...] = ()
    inexact: int = 0
    """Results that differ from the reference's in the last digits of floats, within the tolerance."""
    largest_difference: float = 0.0
    """Of these, relative."""
    differing: tuple[int, ...] = ()
    """Indexes of the first few items whose results are not the reference's, place by place."""
    contradiction: Contradiction | None = None
    """The function's, with itself: then nothing is called lost or wrong for its value."""
    order_proved: bool = True
    """False: nothing says whose result is where."""

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0 and self.order_proved

    @property
    def complete(self) -> bool:
        return self.missing == 0 and self.duplicated == 0

    @property
    def faultless(self) -> bool:
        return not (self.out_of_place or self.missing or self.duplicated or self.wrong)


def check_order(
    folder: Path | Snapshot, reference: Path | Snapshot, tolerance: float = 0.0
) -> OrderCheck:
    """Compare two result folders, but for items that failed in one of them and not in the other.

    Floats may differ by `tolerance`, relative. Raises NoResults where a folder is missing or damaged.
    """
    # Of one moment, so that every pass reads the same results whoever commits meanwhile.
    ours, theirs = compared(folder, reference)
    items, expected_items = ours.rows, theirs.rows
    place = _compare_positions(ours, theirs, tolerance)
    same = items == expected_items and place.sums[0] == place.sums[1]
    if same and place.inexact:
        # The very same results in other places are out of place, however near they are.
        place = _compare_positions(ours, theirs, 0.0)
    if place.first is None and items != expected_items:
        place.first = min(items, expected_items)
        one, other = ("nothing", "a result") if items < expected_items else ("a result", "nothing")
        place.found, place.expected = one, other
    found = Unmatched(
        out_of_place=place.differing, inexact=place.inexact, largest_difference=place.largest
    )
    if items != expected_items or (place.differing and not same):
        found = unmatched(ours, theirs, tolerance, found)
    missing = max(0, found.short - found.wrong)
    return OrderCheck(
        items=items,
        expected_items=expected_items,
        out_of_place=found.out_of_place,
        # A wrong result stands where a right one should: that one is not missing as well.
        missing=missing,
        duplicated=found.over - found.wrong,
        wrong=found.wrong,
        first_divergent_index=place.first,
        expected_there=place.expected,
        found_there=place.found,
        displaced=tuple(place.displaced) if not found.short + found.over else (),
        lost=tuple(found.not_replaced()[: min(missing, _EXAMPLES)]),
        repeated=tuple(found.repeated[:_EXAMPLES]),
        foreign=tuple(found.foreign[:_EXAMPLES]),
        inexact=found.inexact,
        largest_difference=found.largest_difference,
        differing=tuple(finding.index for finding in place.displaced),
    )


@dataclass(slots=True)
class _Place:
    differing: int = 0
    first: int | None = None
    expected: str = ""
    found: str = ""
    displaced: list[Finding] = field(default_factory=list)
    sums: tuple[int, int] = (0, 0)
    """Of all hashes on either side: equal where both hold the same results in any order."""
    inexact: int = 0
    largest: float = 0.0


def _compare_positions(folder: Compared, reference: Compared, tolerance: float) -> _Place:
    place = _Place()
    sums = [0, 0]
    for ours, theirs in pairs(blocks(folder), blocks(reference)):
        at, apart = differing(ours, theirs)
        near = apart <= tolerance
        place.inexact += int(near.sum())
        place.largest = max(place.largest, apart[near].max(initial=0.0))
        different = at[~near]
        if len(different) and place.first is None:
            first = int(different[0])
            place.first = int(ours.index[first])
            place.expected, place.found = theirs.value(first), ours.value(first)
        for one in different[: _EXAMPLES - len(place.displaced)].tolist():
            place.displaced.append(Finding(int(ours.index[one]), ours.value(one)))
        place.differing += len(different)
        for side, block in enumerate((ours, theirs)):
            sums[side] += int(block.hashes.sum(dtype=numpy.uint64))
    place.sums = (sums[0] % 2**64, sums[1] % 2**64)
    return place
