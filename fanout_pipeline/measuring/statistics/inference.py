"""What rounds of timings say: ratios with intervals, the noise of the machine, claims.

In a round each strategy runs once and the reference twice, so what drifts from round to round cancels
in the ratios of one round. How the methods were chosen by simulation: docs/decisions/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy

from fanout_pipeline.measuring.statistics.steadiness import (
    LEAST,
    MAD_OF_NORMAL,
    Floats,
    alike,
    bounded,
    half_tick,
    settled,
    trend,
)

MIN_ROUNDS = 2
"""Of one round nothing is claimed: how much its strategy varies is unknown."""
ROUNDS_FOR_RATIO = 5
"""Fewer rounds give a bound, as in "at least 1.6x faster", and no ratio."""
MIN_SESSIONS = 3
"""With so many sessions the intervals are of what differs from session to session."""
EQUIVALENT = 1.05
"""A strategy that is shown to take at most this many times as long as another is as good as that one."""
RUN_TO_RUN = 0.07
"""By how much ratios usually differ from run to run, where no earlier runs tell: layout, clock rate, caches."""

_LEVEL = 0.05
_OUTLIER = 3.5
_MEAN_DEVIATION_OF_NORMAL = 0.7979
_DIGITS = 14  # of a log ratio: finer than any clock, so that equal ratios are equal

_NONE: Floats = numpy.array([])


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
    """The mean of the paired ratios, of logarithms and without the weight of outliers: 0.5 is half the time."""
    low: float | None
    """The lower end of the 95 % interval; None with one round."""
    high: float | None
    """The upper end of the 95 % interval; None with one round."""
    p_value: float | None
    """For the hypothesis that the ratio is 1, two-sided; None with one round."""
    outliers: tuple[int, ...]
    """The positions of rounds whose ratio lies far from the others'. They are flagged, and kept."""
    sessions: int = 1
    """In how many sessions the rounds were, if their medians are what the interval is of; else 1."""
    unsteady: str = ""
    """What is not steady about it, in words, and made the interval wider; empty if nothing."""

    @property
    def extent(self) -> str:
        """What the interval holds for: "within this run", "over 3 sessions"."""
        return f"over {self.sessions} sessions" if self.sessions > 1 else "within this run"


def ratio_estimate(
    seconds: Sequence[float],
    reference: Sequence[float],
    control: Sequence[float] = (),
    sessions: Sequence[int] = (),
) -> RatioEstimate:
    """How `seconds` relate to `reference`, round by round. Raises ValueError if they do not pair.

    `control` has the reference's second runs divided by its first: their spread counts as well. `sessions`
    says in which session each round was.
    """
    logs = _log_ratios(seconds, reference)
    found = RatioEstimate(
        len(logs), math.exp(numpy.median(logs)), None, None, None, _outliers(logs)
    )
    apart = [settled(logs[numpy.equal(sessions, one)]) for one in sorted(set(sessions))]
    if len(apart) >= MIN_SESSIONS:
        return _over_sessions(found, apart)
    if len(logs) < MIN_ROUNDS:
        return found
    dropped, logs = len(logs), settled(logs)
    dropped -= len(logs)
    centre, error, degrees = _centre(logs, numpy.log(control))
    moved, likeness = trend(logs, warmed_up=dropped > 0), alike(logs)
    error *= math.sqrt((1 + likeness) / (1 - likeness))
    said = [
        f"its first {dropped} rounds were slower or faster, and are left out" if dropped else "",
        f"it became {'slower' if moved > 0 else 'faster'} from round to round" if moved else "",
        "neighbouring rounds are alike" if likeness else "",
    ]
    found = replace(found, ratio=math.exp(centre), unsteady="; ".join(filter(None, said)))
    tick = half_tick(seconds) / min(seconds) + half_tick(reference) / min(reference)
    return _with_interval(
        found, centre, error, degrees, tick + max(0.0, -moved), tick + max(0.0, moved)
    )


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


def claim(estimate: RatioEstimate, level: float = _LEVEL) -> Claim:
    """A difference is claimed where it is this improbable by chance."""
    if estimate.p_value is None:
        return Claim.TOO_FEW
    if estimate.p_value >= level:
        return Claim.SAME
    return Claim.FASTER if estimate.ratio < 1 else Claim.SLOWER


def claims(estimates: Mapping[str, RatioEstimate]) -> dict[str, Claim]:
    """What may be said of each, so that all of it is true in 95 of 100 comparisons (Holm 1979)."""
    tested = [name for name, one in estimates.items() if one.p_value is not None]
    tested.sort(key=lambda name: estimates[name].p_value or 0.0)
    found = {name: claim(one, 0.0) for name, one in estimates.items()}
    for done, name in enumerate(tested):
        found[name] = claim(estimates[name], _LEVEL / (len(tested) - done))
        if found[name] is Claim.SAME:
            break
    return found


def _over_sessions(found: RatioEstimate, sessions: Sequence[Floats]) -> RatioEstimate:
    """Each session counts once, as what differs between them is in none of their intervals (Kalibera & Jones 2013)."""
    centres = numpy.array([_centre(one)[0] for one in sessions])
    count, centre = len(centres), float(centres.mean())
    error = max(float(centres.std(ddof=1)), LEAST / 2) / math.sqrt(count)
    # What each session is still moving to, it moves to in all of them.
    moved = sum(trend(one, warmed_up=False) for one in sessions) / count
    found = replace(found, ratio=math.exp(centre), sessions=count)
    return _with_interval(found, centre, error, count - 1, max(0.0, -moved), max(0.0, moved))


def _with_interval(
    found: RatioEstimate,
    centre: float,
    error: float,
    degrees: int,
    below: float = 0.0,
    above: float = 0.0,
) -> RatioEstimate:
    """With the interval and the p-value of Student's t; the truth may lie `below` or `above` as well."""
    # Imported here because it takes a third of a second, and step processes import this module.
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(degrees, 1 - _LEVEL / 2)) * error
    low, high = math.exp(centre - below - half), math.exp(centre + above + half)
    apart = max(0.0, centre - below, -centre - above) / error
    return replace(found, low=low, high=high, p_value=float(2 * stdtr(degrees, -apart)))


def _centre(logs: Floats, control: Floats = _NONE) -> tuple[float, float, int]:
    """The mean, its standard error, and the degrees of freedom that this is known with.

    From 5 rounds on no round counts as further away than two deviations (Huber 1964). The control's
    true ratio is 1, so each of its rounds is a degree of freedom. It counts as much as the strategy's own
    rounds, unless these spread more.
    """
    count, middle = len(logs), float(numpy.median(logs))
    own, theirs, whole = logs - middle, control, 1.0
    if count >= ROUNDS_FOR_RATIO:
        whole = float((bounded(own) == own).mean())
        own, theirs = bounded(own), bounded(theirs)
    centre = middle + float(own.mean())
    own_square = float(own.var(ddof=1)) if count > 1 else 0.0
    shared = min(count, len(theirs))
    degrees, square = count - 1 + shared, own_square
    if shared:
        square = (shared * float((theirs**2).mean()) + (count - 1) * own_square) / degrees
    if count >= ROUNDS_FOR_RATIO:
        square = max(square, own_square)
    # Half a percent; without any spread twice that, about which the interval reaches 2 % far.
    least = LEAST / 4 if square else LEAST / 2
    return centre, max(_root(square / count) / whole, least), degrees - shared // 2


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


def _root(square: Any) -> float:
    return math.sqrt(float(square))


def _outliers(logs: Floats) -> tuple[int, ...]:
    """Modified z-scores over 3.5 (Iglewicz & Hoaglin 1993); none with fewer than 5 rounds.

    Where most ratios are equal, the mean absolute deviation replaces the median one.
    """
    if len(logs) < ROUNDS_FOR_RATIO:
        return ()
    apart = numpy.abs(logs - numpy.median(logs))
    usual = float(numpy.median(apart)) / MAD_OF_NORMAL
    usual = usual or float(apart.mean()) / _MEAN_DEVIATION_OF_NORMAL
    return tuple(int(position) for position in numpy.flatnonzero(apart > _OUTLIER * usual))
