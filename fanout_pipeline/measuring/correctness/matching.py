"""Results of two folders that have no match on the other side, counted and named, and the order of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy

from fanout_pipeline.measuring.correctness.differences import partners
from fanout_pipeline.measuring.correctness.result_streams import (
    Compared,
    Finding,
    blocks,
    differing,
    matched,
    pairs,
)

_PASS_ITEMS = 2_000_000
_NAMED_AT_MOST = 100_000
"""Beyond so many lost, repeated or wrong results they are counted, not looked for one by one."""


@dataclass(slots=True)
class Unmatched:
    """What was found."""

    short: int = 0
    """Results that are there less often than in the reference, with their multiplicity."""
    over: int = 0
    wrong: int = 0
    """The part of `over` that the reference does not have at all."""
    out_of_place: int = 0
    """Of those that have a match."""
    inexact: int = 0
    largest_difference: float = 0.0
    lost: list[Finding] = field(default_factory=list)
    repeated: list[Finding] = field(default_factory=list)
    foreign: list[Finding] = field(default_factory=list)

    def not_replaced(self) -> list[Finding]:
        """The lost results in whose place is no wrong one: none in the same gap of the matched."""
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


def unmatched(
    folder: Compared, reference: Compared, tolerance: float, by_place: Unmatched
) -> Unmatched:
    """Count what has no match; name it and compare the order of the rest, where it is not too much.

    Where it is too much, order and inexact results are those `by_place`.
    """
    counts = _count(folder, reference)
    if counts.all_kept and folder.has_floats and reference.has_floats:
        counts.pair(folder, reference, tolerance)
    found = _name(folder, reference, tolerance, counts) if counts.all_kept else by_place
    found.short, found.over = counts.short, counts.over
    found.wrong = counts.foreign
    return found


@dataclass(slots=True)
class _Counts:
    short: int = 0
    over: int = 0
    foreign: int = 0
    lacking: dict[int, int] = field(default_factory=dict)
    """How often each hash is there less often than in the reference."""
    keep_reference: dict[int, int] = field(default_factory=dict)
    """For each of these: how many of the reference's have a match."""
    surplus: dict[int, int] = field(default_factory=dict)
    """How often each hash is there more often than in the reference."""
    keep_ours: dict[int, int] = field(default_factory=dict)
    """For each of these: how many of ours have a match."""
    strange: set[int] = field(default_factory=set)
    """Those that the reference does not have at all."""
    all_kept: bool = True

    def pair(self, folder: Compared, reference: Compared, tolerance: float) -> None:
        """Let results that differ in the last digits of floats only be each other's match."""
        if self.short > _NAMED_AT_MOST or self.over > _NAMED_AT_MOST:
            return
        ours = _expanded(folder, self.surplus)
        theirs = _expanded(reference, self.lacking)
        values = [value for _, value in theirs]
        for one, other, _ in partners([value for _, value in ours], values, tolerance):
            self.keep_ours[ours[one][0]] += 1
            self.keep_reference[theirs[other][0]] += 1
            self.over -= 1
            self.short -= 1
        # What is as near to a result that has its match by now is there too often, but not strange.
        strange = {hashed: value for hashed, value in ours if hashed in self.strange}
        while known := list(partners(list(strange.values()), values, tolerance)):
            hashes = list(strange)
            for one, _, _ in known:
                self.strange.remove(hashes[one])
                self.foreign -= self.surplus[hashes[one]]
                del strange[hashes[one]]


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
        more = numpy.abs(have - want)
        counts.keep_reference.update(_by_hash(hashes, have, short))
        counts.lacking.update(_by_hash(hashes, more, short))
        counts.keep_ours.update(_by_hash(hashes, want, over))
        counts.surplus.update(_by_hash(hashes, more, over))
        counts.strange.update(hashes[(want == 0) & (have > 0)].tolist())
    return counts


def _by_hash(
    hashes: numpy.ndarray, numbers: numpy.ndarray, at: numpy.ndarray
) -> Iterable[tuple[int, int]]:
    return zip(hashes[at].tolist(), numbers[at].tolist(), strict=True)


def _expanded(side: Compared, often: dict[int, int]) -> list[tuple[int, Any]]:
    """The values behind hashes, each as often as it is unmatched."""
    wanted = numpy.fromiter(often, numpy.uint64, len(often))
    values: dict[int, Any] = {}
    for block in blocks(side):
        at = numpy.flatnonzero(numpy.isin(block.hashes, wanted))
        values |= zip(block.hashes[at].tolist(), block.values(at), strict=True)
    return list(chain.from_iterable(repeat((h, values[h]), n) for h, n in often.items()))


def _name(folder: Compared, reference: Compared, tolerance: float, counts: _Counts) -> Unmatched:
    """Find what has no match on the other side, and compare the order of the rest."""
    found = Unmatched()

    def ours_left(hashed: int, finding: Finding) -> None:
        (found.foreign if hashed in counts.strange else found.repeated).append(finding)

    ours = matched(blocks(folder), dict(counts.keep_ours), ours_left)
    theirs = matched(
        blocks(reference),
        dict(counts.keep_reference),
        lambda hashed, finding: found.lost.append(finding),
    )
    for one, other in pairs(ours, theirs):
        _, apart = differing(one, other)
        near = apart <= tolerance
        found.inexact += int(near.sum())
        found.largest_difference = max(found.largest_difference, apart[near].max(initial=0.0))
        found.out_of_place += int((~near).sum())
    return found
