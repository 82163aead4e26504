"""Are these the reference's results, all of them, in its order? Streaming, in flat memory.

A first pass compares position by position. That is all where everything agrees, or where both folders
hold the same results in another order. Otherwise the results are counted, in as many passes as keep
each pass small, and a last pass finds what is lost, repeated or foreign, and whether the rest is in
order (see `matching`).

Results are compared by 64-bit hashes (exact for integers that fit in int64). Where hashes differ and
results hold floats, the floats are compared by their relative difference (see `differences`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy

from fanout_pipeline.measuring.correctness.matching import Mismatches, find_mismatches
from fanout_pipeline.measuring.correctness.result_streams import (
    Finding,
    Side,
    paired_blocks,
    sides,
    unequal,
)
from fanout_pipeline.results.read import Snapshot

_EXAMPLES = 10
_CAUSES = (
    "Usual causes: the order of a set, hash(), random numbers, the time, what earlier calls left "
    "behind, a file that the function reads and that has changed."
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two different results that the function gave for the same item."""

    index: int
    item: str
    one: str
    other: str

    @property
    def sentence(self) -> str:
        """The finding and its usual causes."""
        return (
            f"The function gives different results for the same item: for {self.item} (index "
            f"{self.index}) {self.one} and {self.other}. {_CAUSES}"
        )


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What a comparison with the reference found."""

    items: int
    expected_items: int
    out_of_place: int = 0
    """How many of the reference's results are there, but not in its order."""
    missing: int = 0
    duplicated: int = 0
    """How many results are there more often than in the reference."""
    wrong: int = 0
    """How many results the reference does not have."""
    first_divergent_index: int | None = None
    """The index of the first result that differs from the reference's."""
    expected_there: str = ""
    found_there: str = ""
    displaced: tuple[Finding, ...] = ()
    """The first few results out of place, where nothing else is amiss."""
    lost: tuple[Finding, ...] = ()
    """The first few missing results."""
    repeated: tuple[Finding, ...] = ()
    """The first few duplicated results."""
    foreign: tuple[Finding, ...] = ()
    """The first few wrong results."""
    inexact: int = 0
    """How many results differ in the last digits of floats, within the tolerance."""
    largest_difference: float = 0.0
    """The largest relative difference of an inexact result."""
    differing: tuple[int, ...] = ()
    """The indexes of the first few items whose results differ, compared position by position."""
    contradiction: Contradiction | None = None
    """Set where the function contradicts itself; no result is then called lost or wrong by its value."""
    order_proved: bool = True
    """False where nothing says which result belongs to which item."""

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
    """Compare two result folders, except for items that failed in only one of them.

    Floats may differ by `tolerance`, relatively. Raises NoResults where a folder is missing or damaged.
    """
    # Each as of one moment, so that every pass reads the same results whoever commits meanwhile.
    ours, theirs = sides(folder, reference)
    items, expected_items = ours.rows, theirs.rows
    found = _compare_positions(ours, theirs, tolerance)
    same = items == expected_items and found.sums[0] == found.sums[1]
    if same and found.inexact:
        # The very same results in other places are out of place, however near they are.
        found = _compare_positions(ours, theirs, 0.0)
    if found.first is None and items != expected_items:
        found.first = min(items, expected_items)
        one, other = ("nothing", "a result") if items < expected_items else ("a result", "nothing")
        found.text, found.expected_text = one, other
    mismatches = Mismatches(
        out_of_place=found.differing,
        inexact=found.inexact,
        largest_difference=found.largest_difference,
    )
    if items != expected_items or (found.differing and not same):
        mismatches = find_mismatches(ours, theirs, tolerance, mismatches)
    wrong = mismatches.foreign_results
    # A wrong result stands where a right one should be: that one is not missing as well.
    missing = max(0, mismatches.lacking - wrong)
    unmatched = mismatches.lacking + mismatches.surplus
    return OrderCheck(
        items=items,
        expected_items=expected_items,
        out_of_place=mismatches.out_of_place,
        missing=missing,
        duplicated=mismatches.surplus - wrong,
        wrong=wrong,
        first_divergent_index=found.first,
        expected_there=found.expected_text,
        found_there=found.text,
        displaced=() if unmatched else tuple(found.examples),
        lost=tuple(mismatches.not_replaced()[: min(missing, _EXAMPLES)]),
        repeated=tuple(mismatches.repeated[:_EXAMPLES]),
        foreign=tuple(mismatches.foreign[:_EXAMPLES]),
        inexact=mismatches.inexact,
        largest_difference=mismatches.largest_difference,
        differing=tuple(finding.index for finding in found.examples),
    )


@dataclass(slots=True)
class _ByPosition:
    """What a comparison position by position found."""

    differing: int = 0
    first: int | None = None
    """The index of the first result that differs."""
    expected_text: str = ""
    text: str = ""
    examples: list[Finding] = field(default_factory=list)
    sums: tuple[int, int] = (0, 0)
    """The sum of all hashes on either side: equal for the same results in any order."""
    inexact: int = 0
    largest_difference: float = 0.0


def _compare_positions(folder: Side, reference: Side, tolerance: float) -> _ByPosition:
    found = _ByPosition()
    sums = [0, 0]
    for ours, theirs in paired_blocks(folder.blocks(), reference.blocks()):
        at, apart = unequal(ours, theirs)
        near = apart <= tolerance
        found.inexact += int(near.sum())
        found.largest_difference = max(found.largest_difference, apart[near].max(initial=0.0))
        different = at[~near]
        if len(different) and found.first is None:
            first = int(different[0])
            found.first = int(ours.index[first])
            found.expected_text, found.text = theirs.text(first), ours.text(first)
        for one in different[: _EXAMPLES - len(found.examples)].tolist():
            found.examples.append(ours.finding(one))
        found.differing += len(different)
        for side, block in enumerate((ours, theirs)):
            sums[side] += int(block.hashes.sum(dtype=numpy.uint64))
    found.sums = (sums[0] % 2**64, sums[1] % 2**64)
    return found
