"""Results of two folders that have no match on the other side, counted and named, and the order of the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy

from fanout_pipeline.measuring.correctness.differences import nearest_pairs
from fanout_pipeline.measuring.correctness.result_streams import (
    Finding,
    Side,
    paired_blocks,
    unequal,
    without_surplus,
)

_PASS_ITEMS = 2_000_000
_NAMED_AT_MOST = 100_000
"""Up to so many results without a match are named one by one; beyond that they are only counted."""


@dataclass(slots=True)
class Mismatches:
    """How the results of a folder differ from those of the reference, as multisets and in order."""

    lacking: int = 0
    """How many results the reference has and the folder has not, or not as often."""
    surplus: int = 0
    """How many results the folder has and the reference has not, or not as often."""
    foreign_results: int = 0
    """The part of `surplus` that the reference does not have at all."""
    out_of_place: int = 0
    """How many results with a match are not in the reference's order."""
    inexact: int = 0
    """How many results differ from their match in last digits."""
    largest_difference: float = 0.0
    """The largest relative difference of an inexact result."""
    lost: list[Finding] = field(default_factory=list)
    """The results behind `lacking`."""
    repeated: list[Finding] = field(default_factory=list)
    """The results behind `surplus` that the reference has, too."""
    foreign: list[Finding] = field(default_factory=list)
    """The results behind `foreign_results`."""

    def not_replaced(self) -> list[Finding]:
        """The lost results in whose place there is no foreign one."""
        left_over = sorted(self.foreign + self.repeated, key=lambda finding: finding.position)
        foreign = set(map(id, self.foreign))
        gaps = Counter(
            finding.position - before
            for before, finding in enumerate(left_over)
            if id(finding) in foreign
        )
        lost = []
        for before, finding in enumerate(self.lost):
            gap = finding.position - before
            if gaps[gap]:
                gaps[gap] -= 1
            else:
                lost.append(finding)
        return lost


def find_mismatches(
    ours: Side, reference: Side, tolerance: float, by_position: Mismatches
) -> Mismatches:
    """Count what has no match, name it, and compare the order of the rest.

    Where there is too much to name, order and inexact results are taken from `by_position`.
    """
    counts = _count(ours, reference)
    if counts.complete and ours.has_floats and reference.has_floats:
        counts.match_inexact(ours, reference, tolerance)
    found = _name(ours, reference, tolerance, counts) if counts.complete else by_position
    found.lacking, found.surplus = counts.lacking, counts.surplus
    found.foreign_results = counts.foreign
    return found


@dataclass(slots=True)
class _Unmatched:
    """The results of one side that have no match, by hash."""

    times: dict[int, int] = field(default_factory=dict)
    """How many results of each hash have no match."""
    keep: dict[int, int] = field(default_factory=dict)
    """How many results of each of these hashes have one."""

    def add(
        self, hashes: numpy.ndarray, more: numpy.ndarray, keep: numpy.ndarray, at: numpy.ndarray
    ) -> None:
        self.times.update(zip(hashes[at].tolist(), more[at].tolist(), strict=True))
        self.keep.update(zip(hashes[at].tolist(), keep[at].tolist(), strict=True))

    def values(self, side: Side) -> list[tuple[int, Any]]:
        """Hash and value, as often as there is no match."""
        wanted = numpy.fromiter(self.times, numpy.uint64, len(self.times))
        values: dict[int, Any] = {}
        for block in side.blocks():
            at = numpy.flatnonzero(numpy.isin(block.hashes, wanted))
            values |= zip(block.hashes[at].tolist(), block.values(at), strict=True)
        return list(chain.from_iterable(repeat((h, values[h]), n) for h, n in self.times.items()))


@dataclass(slots=True)
class _Counts:
    """Both sides counted by hash."""

    lacking: int = 0
    surplus: int = 0
    foreign: int = 0
    ours: _Unmatched = field(default_factory=_Unmatched)
    theirs: _Unmatched = field(default_factory=_Unmatched)
    foreign_hashes: set[int] = field(default_factory=set)
    """Hashes that the reference does not have at all."""
    complete: bool = True
    """Whether all hashes without a match were few enough to be kept."""

    def match_inexact(self, ours: Side, reference: Side, tolerance: float) -> None:
        """Let results that differ only in the last digits of floats be each other's match."""
        if max(self.lacking, self.surplus) > _NAMED_AT_MOST:
            return
        here, there = self.ours.values(ours), self.theirs.values(reference)
        wanted = [value for _, value in there]
        for one, other, _ in nearest_pairs([value for _, value in here], wanted, tolerance):
            self.ours.keep[here[one][0]] += 1
            self.theirs.keep[there[other][0]] += 1
            self.surplus -= 1
            self.lacking -= 1
        # A result as near to one that has a match already is one too many, but not foreign.
        foreign = {hashed: value for hashed, value in here if hashed in self.foreign_hashes}
        while near := list(nearest_pairs(list(foreign.values()), wanted, tolerance)):
            hashes = list(foreign)
            for one, _, _ in near:
                self.foreign_hashes.remove(hashes[one])
                self.foreign -= self.ours.times[hashes[one]]
                del foreign[hashes[one]]


def _count(ours: Side, reference: Side) -> _Counts:
    counts = _Counts()
    passes = numpy.uint64(max(ours.rows, reference.rows) // _PASS_ITEMS + 1)
    for number in range(int(passes)):
        here, there = (
            numpy.unique(
                numpy.concatenate(
                    [b.hashes[b.hashes % passes == number] for b in side.blocks()]
                    or [numpy.empty(0, numpy.uint64)]
                ),
                return_counts=True,
            )
            for side in (ours, reference)
        )
        hashes = numpy.union1d(here[0], there[0])
        have, want = numpy.zeros((2, len(hashes)), numpy.int64)
        have[numpy.searchsorted(hashes, here[0])] = here[1]
        want[numpy.searchsorted(hashes, there[0])] = there[1]
        counts.lacking += int(numpy.maximum(want - have, 0).sum())
        counts.surplus += int(numpy.maximum(have - want, 0).sum())
        counts.foreign += int(have[want == 0].sum())
        unmatched = numpy.count_nonzero(want != have)
        if len(counts.ours.keep) + len(counts.theirs.keep) + unmatched > _NAMED_AT_MOST:
            counts.complete = False
            continue
        more = numpy.abs(have - want)
        counts.theirs.add(hashes, more, have, numpy.flatnonzero(want > have))
        counts.ours.add(hashes, more, want, numpy.flatnonzero(have > want))
        counts.foreign_hashes.update(hashes[(want == 0) & (have > 0)].tolist())
    return counts


def _name(ours: Side, reference: Side, tolerance: float, counts: _Counts) -> Mismatches:
    """Find what has no match on the other side, and compare the order of the rest."""
    found = Mismatches()

    def left_out(hashed: int, finding: Finding) -> None:
        (found.foreign if hashed in counts.foreign_hashes else found.repeated).append(finding)

    here = without_surplus(ours.blocks(), dict(counts.ours.keep), left_out)
    there = without_surplus(
        reference.blocks(),
        dict(counts.theirs.keep),
        lambda hashed, finding: found.lost.append(finding),
    )
    for one, other in paired_blocks(here, there):
        _, apart = unequal(one, other)
        near = apart <= tolerance
        found.inexact += int(near.sum())
        found.largest_difference = max(found.largest_difference, apart[near].max(initial=0.0))
        found.out_of_place += int((~near).sum())
    return found
