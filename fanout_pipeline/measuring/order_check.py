"""Are these the reference's results, all of them, in its order? Streaming, in flat memory.

One pass compares position by position and stops there when all agree, or when both folders hold
the same results in another order. Else the results are counted, in as many passes as keep a pass
small, and a last pass finds what is lost, repeated or wrong, and whether the rest is in order.
Results are compared by 64-bit hashes (`parts.digest`; exact for integers that fit in int64).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from fanout_pipeline.measuring.result_streams import (
    Compared,
    Finding,
    blocks,
    compared,
    matched,
    pairs,
)
from fanout_pipeline.parts.reading import Snapshot

_PASS_ITEMS = 2_000_000
_EXAMPLES = 10
_NAMED_AT_MOST = 100_000
"""Beyond so many lost, repeated or wrong results they are counted, not looked for one by one."""


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

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def complete(self) -> bool:
        return self.missing == 0 and self.duplicated == 0


def check_order(folder: Path | Snapshot, reference: Path | Snapshot) -> OrderCheck:
    """Compare two result folders, but for items that failed in one of them and not in the other.

    Raises NoResults where one is missing or damaged.
    """
    # Of one moment, so that every pass reads the same results whoever commits meanwhile.
    ours, theirs = compared(folder, reference)
    items, expected_items = ours.rows, theirs.rows
    place = _compare_positions(ours, theirs)
    if place.first is None and items != expected_items:
        place.first = min(items, expected_items)
        one, other = ("nothing", "a result") if items < expected_items else ("a result", "nothing")
        place.found, place.expected = one, other
    counts, named = _Counts(), _Named(out_of_place=place.differing)
    if items != expected_items or place.sums[0] != place.sums[1]:
        counts = _count(ours, theirs)
        if counts.all_kept:
            named = _name(ours, theirs, counts)
    displaced = place.displaced if not counts.short + counts.over else []
    missing = max(0, counts.short - counts.foreign)
    return OrderCheck(
        items=items,
        expected_items=expected_items,
        out_of_place=named.out_of_place,
        # A wrong result stands where a right one should: that one is not missing as well.
        missing=missing,
        duplicated=counts.over - counts.foreign,
        wrong=counts.foreign,
        first_divergent_index=place.first,
        expected_there=place.expected,
        found_there=place.found,
        displaced=tuple(displaced),
        lost=tuple(_not_replaced(named)[: min(missing, _EXAMPLES)]),
        repeated=tuple(named.repeated[:_EXAMPLES]),
        foreign=tuple(named.foreign[:_EXAMPLES]),
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


def _compare_positions(folder: Compared, reference: Compared) -> _Place:
    place = _Place()
    sums = [0, 0]
    for ours, theirs in pairs(blocks(folder), blocks(reference)):
        different = numpy.flatnonzero(ours.hashes != theirs.hashes)
        if len(different) and place.first is None:
            at = int(different[0])
            place.first = int(ours.index[at])
            place.expected, place.found = theirs.value(at), ours.value(at)
        for at in different[: _EXAMPLES - len(place.displaced)].tolist():
            place.displaced.append(Finding(int(ours.index[at]), ours.value(at)))
        place.differing += len(different)
        for side, block in enumerate((ours, theirs)):
            sums[side] += int(block.hashes.sum(dtype=numpy.uint64))
    place.sums = (sums[0] % 2**64, sums[1] % 2**64)
    return place


@dataclass(slots=True)
class _Counts:
    short: int = 0
    """Results that are there less often than in the reference, with their multiplicity."""
    over: int = 0
    foreign: int = 0
    """The part of `over` that the reference does not have at all."""
    keep_reference: dict[int, int] = field(default_factory=dict)
    """For each hash that is short: how many of the reference's have a match."""
    keep_ours: dict[int, int] = field(default_factory=dict)
    """For each hash that is over: how many of ours have a match."""
    all_kept: bool = True


def _count(folder: Compared, reference: Compared) -> _Counts:
    counts = _Counts()
    items = max(folder.rows, reference.rows)
    passes = numpy.uint64(items // _PASS_ITEMS + 1)
    for number in range(int(passes)):
        ours, theirs = (
            numpy.unique(
                numpy.concatenate(
                    [b.hashes[b.hashes % passes == number] for b in blocks(side)]
                    or [numpy.empty(0, numpy.uint64)]
                ),
                return_counts=True,
            )
            for side in (folder, reference)
        )
        hashes = numpy.union1d(ours[0], theirs[0])
        have, want = numpy.zeros((2, len(hashes)), numpy.int64)
        have[numpy.searchsorted(hashes, ours[0])] = ours[1]
        want[numpy.searchsorted(hashes, theirs[0])] = theirs[1]
        counts.short += int(numpy.maximum(want - have, 0).sum())
        counts.over += int(numpy.maximum(have - want, 0).sum())
        counts.foreign += int(have[want == 0].sum())
        short, over = numpy.flatnonzero(want > have), numpy.flatnonzero(have > want)
        kept = len(counts.keep_ours) + len(counts.keep_reference)
        if kept + len(short) + len(over) > _NAMED_AT_MOST:
            counts.all_kept = False
            continue
        counts.keep_reference |= zip(hashes[short].tolist(), have[short].tolist(), strict=True)
        counts.keep_ours |= zip(hashes[over].tolist(), want[over].tolist(), strict=True)
    return counts


@dataclass(slots=True)
class _Named:
    out_of_place: int = 0
    lost: list[Finding] = field(default_factory=list)
    repeated: list[Finding] = field(default_factory=list)
    foreign: list[Finding] = field(default_factory=list)


def _name(folder: Compared, reference: Compared, counts: _Counts) -> _Named:
    """Find what has no match on the other side, and compare the order of the rest."""
    named = _Named()
    foreign = {hashed for hashed, want in counts.keep_ours.items() if want == 0}

    def ours_left(hashed: int, finding: Finding) -> None:
        (named.foreign if hashed in foreign else named.repeated).append(finding)

    ours = matched(blocks(folder), dict(counts.keep_ours), ours_left)
    theirs = matched(
        blocks(reference),
        dict(counts.keep_reference),
        lambda hashed, finding: named.lost.append(finding),
    )
    for one, other in pairs(ours, theirs):
        named.out_of_place += int(numpy.count_nonzero(one.hashes != other.hashes))
    return named


def _not_replaced(named: _Named) -> list[Finding]:
    """The lost results in whose place there is no wrong one: none in the same gap of the matched."""
    unmatched = sorted(named.foreign + named.repeated, key=lambda finding: finding.position)
    foreign = set(map(id, named.foreign))
    gaps = Counter(
        finding.position - before
        for before, finding in enumerate(unmatched)
        if id(finding) in foreign
    )
    lost = []
    for before, finding in enumerate(named.lost):
        gap = finding.position - before
        if gaps[gap]:
            gaps[gap] -= 1
        else:
            lost.append(finding)
    return lost
