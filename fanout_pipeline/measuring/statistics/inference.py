"""What rounds of timings say: ratios with intervals, the noise of the machine, claims.

In a round each strategy runs once and the reference twice, so what drifts from round to round cancels
in the ratios of one round. How the methods were chosen by simulation: docs/decisions/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy
from numpy.typing import NDArray

MIN_ROUNDS = 5
"""Fewer rounds give no interval: even the whole range of 4 covers the median in only 87.5 % of cases."""

MAX_NOISE = 0.10
"""Above this noise floor differences of a tenth go unseen: it takes more rounds or a quieter machine."""

_MIN_ROUNDS_FOR_P = 6  # with 5 rounds the smallest two-sided p-value is 2 / 2**5, over 0.05
_SIGNIFICANT = 0.05
_OUTLIER = 3.5
_MAD_OF_NORMAL = 0.6745  # median absolute deviation of the standard normal distribution
_MEAN_DEVIATION_OF_NORMAL = 0.7979
_DIGITS = 14  # of a log ratio: finer than any clock, so that equal ratios are equal

Floats = NDArray[numpy.float64]


class Claim(StrEnum):
    """What may be said of a strategy in comparison with the reference."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "no difference shown"
    TOO_FEW = "too few rounds"


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """The time of one strategy in relation to another's, from paired rounds."""

    rounds: int
    """The number of pairs that it rests on."""
    ratio: float
    """The median of the paired ratios: 0.5 is half the time, 1.0 is as fast."""
    low: float | None
    """The lower end of the 95 % interval; None with fewer than MIN_ROUNDS rounds."""
    high: float | None
    """The upper end of the 95 % interval; None with fewer than MIN_ROUNDS rounds."""
    p_value: float | None
    """For the hypothesis that the ratio is 1, two-sided; None with fewer than 6 rounds."""
    outliers: tuple[int, ...]
    """The positions of rounds whose ratio lies far from the others'. They are flagged, and kept."""


def reference_seconds(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """The first of the reference's two runs in each round, which other times are divided by.

    Not the geometric mean of both: noise is skewed, and the mean of two skewed times is higher than
    the median of one, so equal strategies would seem 0.5 to 1 % faster.
    """
    _log_ratios(second, first)  # refuses rounds in which one of the two is missing
    return list(first)


def ratio_estimate(
    seconds: Sequence[float], reference: Sequence[float], *, seed: int = 0, resamples: int = 9999
) -> RatioEstimate:
    """How `seconds` relate to `reference`, round by round. Raises ValueError if they do not pair."""
    logs = _log_ratios(seconds, reference)
    low = high = None
    if len(logs) >= MIN_ROUNDS:
        low, high = (float(end) for end in numpy.exp(median_interval(logs, seed, resamples)))
    ratio = float(numpy.exp(numpy.median(logs)))
    return RatioEstimate(len(logs), ratio, low, high, _p_value(logs), _outliers(logs))


def control_estimate(first: Sequence[float], second: Sequence[float]) -> RatioEstimate:
    """The A/A control: the reference's second runs in relation to its first."""
    return ratio_estimate(second, first)


def noise_floor(control: RatioEstimate) -> float:
    """By how much two identical strategies may seem to differ: 0.04 is 4 % slower or faster.

    The larger distance of the control's interval from 1; infinite where there is no interval.
    """
    if control.low is None or control.high is None:
        return math.inf
    return max(control.high, 1 / control.low) - 1


def claim(estimate: RatioEstimate, floor: float) -> Claim:
    """A difference is claimed if the whole interval lies beyond the floor and p is under 0.05.

    With 5 rounds there is no p-value: the interval alone decides.
    """
    if estimate.rounds < MIN_ROUNDS or estimate.low is None or estimate.high is None:
        return Claim.TOO_FEW
    if estimate.p_value is not None and estimate.p_value >= _SIGNIFICANT:
        return Claim.SAME
    if estimate.high < 1 / (1 + floor):
        return Claim.FASTER
    if estimate.low > 1 + floor:
        return Claim.SLOWER
    return Claim.SAME


def median_interval(values: Floats, seed: int, resamples: int) -> Floats:
    """The ends of the 95 % interval of the median along the last axis; the ends are the first axis.

    Percentiles (Efron & Tibshirani 1993, ch. 13) of a smoothed bootstrap (Silverman & Young 1987;
    of medians, De Angelis & Young 1992), its bandwidth Silverman's (1986, eq. 3.31) with the median
    absolute deviation for scale. Unsmoothed, the interval of 7 values covers 87 %, not 95 %.
    """
    count = values.shape[-1]
    bandwidth = 0.9 * _mad(values) / _MAD_OF_NORMAL * count**-0.2
    random = numpy.random.default_rng(seed)
    shape = (-(-resamples // 2), count)
    drawn = values[..., random.integers(0, count, shape)]
    noise = bandwidth[..., None, None] * random.standard_normal(shape)
    # Noise and its negative, so that swapping the two sides gives exactly the inverse interval.
    medians = [numpy.median(drawn + signed, axis=-1) for signed in (noise, -noise)]
    ends: Floats = numpy.quantile(numpy.concatenate(medians, axis=-1), [0.025, 0.975], axis=-1)
    return ends


def _log_ratios(seconds: Sequence[float], reference: Sequence[float]) -> Floats:
    if len(seconds) != len(reference) or not len(seconds):
        raise ValueError(
            f"{len(seconds)} timings cannot be paired with {len(reference)} of the reference: "
            "pass both for each round, and at least one round."
        )
    for position, pair in enumerate(zip(seconds, reference, strict=True)):
        if not all(0 < one < math.inf for one in pair):
            raise ValueError(f"Round {position} took {pair[0]} and {pair[1]} s: leave it out.")
    return numpy.log(numpy.divide(seconds, reference)).round(_DIGITS)


def _mad(values: Floats) -> Any:
    centre = numpy.median(values, axis=-1, keepdims=True)
    return numpy.median(numpy.abs(values - centre), axis=-1)


def _p_value(logs: Floats) -> float | None:
    """Signed-rank test (Wilcoxon 1945)."""
    if len(logs) < _MIN_ROUNDS_FOR_P:
        return None
    if not logs.any():
        return 1.0
    # Imported here because it takes most of a second, and step processes import this module.
    from scipy.stats import wilcoxon

    return float(wilcoxon(logs).pvalue)


def _outliers(logs: Floats) -> tuple[int, ...]:
    """Modified z-scores over 3.5 (Iglewicz & Hoaglin 1993); none with fewer than 5 rounds.

    Where most ratios are equal, the mean absolute deviation replaces the median one.
    """
    if len(logs) < MIN_ROUNDS:
        return ()
    distances = numpy.abs(logs - numpy.median(logs))
    spread = _mad(logs) / _MAD_OF_NORMAL or distances.mean() / _MEAN_DEVIATION_OF_NORMAL
    return tuple(int(position) for position in numpy.flatnonzero(distances > _OUTLIER * spread))
