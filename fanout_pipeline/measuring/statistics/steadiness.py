"""What is not steady in the ratios of one strategy: outliers, warming up, trends, states that last, a coarse clock."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

MAD_OF_NORMAL = 0.6745  # median absolute deviation of the standard normal distribution
LEAST = math.log(1.02)
"""Where all ratios are equal, the interval reaches about this far: a spread of zero is that of the clock."""

_BOUND = 2.0
"""No round counts as further from the middle than so many deviations."""
_ROUNDS = 5
"""Of fewer rounds nothing is said."""
_ROUNDS_TO_BE_ALIKE = 8
_UNLIKELY = 1.645
"""Deviations of a normal distribution that one value in ten lies beyond."""

Floats = NDArray[numpy.float64]


def bounded(apart: Floats) -> Floats:
    usual = float(numpy.median(numpy.abs(apart))) / MAD_OF_NORMAL if len(apart) else 0.0
    most = _BOUND * max(usual, LEAST / 2)
    return numpy.clip(apart, -most, most)


def settled(logs: Floats) -> Floats:
    """Without those at the beginning that lie beyond all of the later half (Barrett et al. 2017)."""
    half = len(logs) // 2
    middle = numpy.median(logs[half:])
    apart = numpy.abs(logs - middle)
    off = apart[:half] > max(1.5 * float(apart[half:].max()), LEAST)
    first = half if off.all() else int(numpy.argmin(off))
    # One alone may be chance.
    return logs[first:] if first > 1 and len(logs) - first >= _ROUNDS else logs


def trend(logs: Floats, warmed_up: bool) -> float:
    """By how much the ratio changes over all rounds, if that is no chance (Mann 1945, Sen 1968).

    What has warmed up may still be doing so: its trend counts as it is.
    """
    count = len(logs)
    if count < _ROUNDS:
        return 0.0
    first, second = numpy.triu_indices(count, 1)
    steps = logs[second] - logs[first]
    usual = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if not warmed_up and abs(numpy.sign(steps).sum()) - 1 <= _UNLIKELY * usual:
        return 0.0
    return float(numpy.median(steps / (second - first))) * count


def alike(logs: Floats) -> float:
    """How neighbouring rounds correlate, if that is no chance."""
    count = len(logs)
    apart = bounded(logs - numpy.median(logs))
    square = float((apart**2).sum())
    if count < _ROUNDS_TO_BE_ALIKE or not square:
        return 0.0
    found = float((apart[1:] * apart[:-1]).sum()) / square + 1 / count
    return min(found, 0.9) if found > _UNLIKELY / math.sqrt(count) else 0.0


def half_tick(seconds: Sequence[float]) -> float:
    """Half a step of the clock, where times that occur more than once show that it has steps."""
    ordered = numpy.unique(seconds)
    if len(ordered) == len(seconds) or len(ordered) < 2:
        return 0.0
    return float(numpy.diff(ordered).min()) / 2
