"""By how much two results differ: floats relatively, everything else completely or not at all.

A float that was summed in another order, or by more threads, has other last digits and is no other
result. Integers, texts, Decimals and times are exact. Lists and dicts are compared in all they hold.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy

from fanout_pipeline.results.types.kinds import Kind

DIFFERENT = math.inf
_CANDIDATES = 16
"""How many results with a similar sum are compared one by one to find the nearest."""


def has_floats(kind: Kind) -> bool:
    """Whether results of a kind can differ in last digits."""
    if isinstance(kind, str):
        return kind in ("double", "float", "halffloat")
    return any(map(has_floats, kind[:1] if isinstance(kind, list) else kind.values()))


def difference(one: Any, other: Any) -> float:
    """The largest relative difference of two floats in the same place of two results; 0: equal.

    DIFFERENT where anything else is not the same. NaN equals NaN, zero equals negative zero, infinity
    equals only itself. A key whose value is None equals an absent key, as a column stores both alike;
    None equals a dict of nothing else, as columns for its keys do.
    """
    if isinstance(one, float) and isinstance(other, float):
        if one == other or (one != one and other != other):
            return 0.0
        if not (math.isfinite(one) and math.isfinite(other)):
            return DIFFERENT
        largest = max(abs(one), abs(other))
        # The difference of two large floats may overflow.
        gap = abs(one - other)
        return gap / largest if gap < math.inf else abs(one / largest - other / largest)
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return DIFFERENT
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, dict | None) and isinstance(other, dict | None):
        one, other = one or {}, other or {}
        keys = one.keys() | other.keys()
        return max((difference(one.get(key), other.get(key)) for key in keys), default=0.0)
    return 0.0 if _exact(one) == _exact(other) else DIFFERENT


def differences(ours: numpy.ndarray, theirs: numpy.ndarray) -> numpy.ndarray:
    """`difference` for whole columns of floats."""
    with numpy.errstate(all="ignore"):
        largest = numpy.maximum(numpy.abs(ours), numpy.abs(theirs))
        gap = numpy.abs(ours - theirs)
        large = numpy.abs(ours / largest - theirs / largest)
        found: numpy.ndarray = numpy.where(gap < DIFFERENT, gap / largest, large)
    found[~(numpy.isfinite(ours) & numpy.isfinite(theirs))] = DIFFERENT
    found[(ours == theirs) | (numpy.isnan(ours) & numpy.isnan(theirs))] = 0.0
    return found


def nearest_pairs(
    ours: Sequence[Any], theirs: Sequence[Any], tolerance: float
) -> Iterator[tuple[int, int, float]]:
    """Pair results that differ in last digits only: two positions and the relative difference.

    Each result is in one pair at most. Ours are taken in the order of their sums, and each gets the
    nearest of theirs that is left.
    """
    groups: dict[Any, list[tuple[float, int]]] = defaultdict(list)
    for position, value in enumerate(theirs):
        outline = _outline(value)
        groups[outline.shape].append((outline.total, position))
    for group in groups.values():
        group.sort()
    for position, outline in sorted(enumerate(map(_outline, ours)), key=lambda one: one[1].total):
        group = groups[outline.shape]
        reach = 2 * tolerance * outline.size
        low = bisect_left(group, (outline.total - reach, -1))
        high = bisect_right(group, (outline.total + reach, 2**63), low)
        candidates = [
            (difference(ours[position], theirs[group[at][1]]), at)
            for at in range(low, min(high, low + _CANDIDATES))
        ]
        apart, at = min(candidates, default=(DIFFERENT, -1))
        if apart <= tolerance:
            yield position, group.pop(at)[1], apart


class _Outline(NamedTuple):
    """What a result is searched for by."""

    shape: Any
    """All of the result but its floats."""
    total: float
    """The sum of its floats."""
    size: float
    """The sum of its floats' absolute values, which bounds how far rounding can move `total`."""


def _outline(value: Any) -> _Outline:
    floats: list[float] = []
    shape = _shape(value, floats)
    return _Outline(shape, math.fsum(floats), math.fsum(map(abs, floats)))


def _shape(value: Any, floats: list[float]) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return repr(abs(value)) if value != value else repr(value)
        # Scaled down, so that no sum overflows.
        floats.append(value / 2**53)
        return float
    if isinstance(value, list):
        return list, tuple(_shape(inner, floats) for inner in value)
    if isinstance(value, dict):
        present = sorted(key for key in value if value[key] is not None)
        return dict, tuple((key, _shape(value[key], floats)) for key in present)
    return _exact(value)


def _exact(value: Any) -> Any:
    """Equal for equal results only. A bool equals the integer that it is, as in a column."""
    if isinstance(value, int):
        return int, int(value)
    return type(value), str(value) if isinstance(value, Decimal) else value
