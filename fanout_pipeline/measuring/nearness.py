"""By how much two results differ: floats by their last digits, all else by everything or nothing.

A float that was summed in another order, or by more threads, has other last digits and is no other result.
Integers, texts, Decimals and times are exact. Lists and dicts are compared in all that they hold.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import numpy

from fanout_pipeline.results.types.kinds import Kind

DIFFERENT = math.inf
_LOOKED_AT = 16
"""Of those that are as near in sum, so many are looked at for the nearest."""


def has_floats(kind: Kind) -> bool:
    """Whether results of a kind can differ by last digits."""
    if isinstance(kind, str):
        return kind in ("double", "float", "halffloat")
    return any(map(has_floats, kind if isinstance(kind, list) else kind.values()))


def difference(one: Any, other: Any) -> float:
    """The largest relative difference of two floats in the same place of two results; 0: they are equal.

    DIFFERENT, where anything else is not the same. NaN equals NaN, a zero the negative zero, infinity
    itself alone. A key that is None is as good as one that is not there, which a column cannot tell.
    """
    if isinstance(one, float) and isinstance(other, float):
        if one == other or (one != one and other != other):
            return 0.0
        if not (math.isfinite(one) and math.isfinite(other)):
            return DIFFERENT
        largest = max(abs(one), abs(other))
        # The difference of two floats may be more than any float.
        gap = abs(one - other)
        return gap / largest if gap < math.inf else abs(one / largest - other / largest)
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return DIFFERENT
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, dict) and isinstance(other, dict):
        return max(
            (difference(one.get(key), other.get(key)) for key in one.keys() | other.keys()),
            default=0.0,
        )
    return 0.0 if _exact(one) == _exact(other) else DIFFERENT


def differences(ours: numpy.ndarray, theirs: numpy.ndarray) -> numpy.ndarray:
    """The same for columns of floats."""
    with numpy.errstate(all="ignore"):
        largest = numpy.maximum(numpy.abs(ours), numpy.abs(theirs))
        gap = numpy.abs(ours - theirs)
        large = numpy.abs(ours / largest - theirs / largest)
        found: numpy.ndarray = numpy.where(gap < DIFFERENT, gap / largest, large)
    found[~(numpy.isfinite(ours) & numpy.isfinite(theirs))] = DIFFERENT
    found[(ours == theirs) | (numpy.isnan(ours) & numpy.isnan(theirs))] = 0.0
    return found


class _Summed(NamedTuple):
    """A result that can be looked for: all but its floats, and what these amount to."""

    frame: Any
    total: float
    size: float
    """The sum of the floats' absolute values: how far rounding may move `total`."""


@dataclass(slots=True)
class _Frame:
    """Results that are the same but for their floats."""

    there: list[tuple[float, int]] = field(default_factory=list)
    """The sum of each, and its position."""
    next_free: dict[int, int] = field(default_factory=dict)
    """Of those that are taken: one behind it that is free, or leads to one."""

    def near(self, summed: _Summed, tolerance: float) -> Iterator[int]:
        """Where in `there` is what is left of those that a result may be, as far as sums tell."""
        reach = 2 * tolerance * summed.size
        low = bisect_left(self.there, (summed.total - reach, -1))
        high = bisect_right(self.there, (summed.total + reach, 2**63), low)
        at = self._free(low)
        for _ in range(_LOOKED_AT):
            if at >= high:
                return
            yield at
            at = self._free(at + 1)

    def take(self, at: int) -> None:
        self.next_free[at] = at + 1

    def _free(self, at: int) -> int:
        passed = []
        while at in self.next_free:
            passed.append(at)
            at = self.next_free[at]
        for one in passed:
            self.next_free[one] = at
        return at


def partners(
    ours: Sequence[Any], theirs: Sequence[Any], tolerance: float
) -> Iterator[tuple[int, int, float]]:
    """Which of ours is which of theirs but for last digits: positions, and the relative difference.

    Each has one partner at most; ours in the order of their sums, each with the nearest that is left.
    """
    frames: dict[Any, _Frame] = defaultdict(_Frame)
    for position, value in enumerate(theirs):
        summed = _summed(value)
        frames[summed.frame].there.append((summed.total, position))
    for frame in frames.values():
        frame.there.sort()
    for position, summed in sorted(enumerate(map(_summed, ours)), key=lambda one: one[1].total):
        frame = frames[summed.frame]
        near = [
            (difference(ours[position], theirs[frame.there[at][1]]), at)
            for at in frame.near(summed, tolerance)
        ]
        apart, at = min(near, default=(DIFFERENT, -1))
        if apart <= tolerance:
            frame.take(at)
            yield position, frame.there[at][1], apart


def _summed(value: Any) -> _Summed:
    floats: list[float] = []
    frame = _frame(value, floats)
    return _Summed(frame, math.fsum(floats), math.fsum(map(abs, floats)))


def _frame(value: Any, floats: list[float]) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return repr(abs(value)) if value != value else repr(value)
        # Scaled, so that no sum is too large for a float.
        floats.append(value / 2**53)
        return float
    if isinstance(value, list):
        return list, tuple(_frame(inner, floats) for inner in value)
    if isinstance(value, dict):
        there = sorted(key for key in value if value[key] is not None)
        return dict, tuple((key, _frame(value[key], floats)) for key in there)
    return _exact(value)


def _exact(value: Any) -> Any:
    """What is equal for equal results only; a bool is the integer that it is among integers."""
    if isinstance(value, int):
        return int, int(value)
    return type(value), str(value) if isinstance(value, Decimal) else value
