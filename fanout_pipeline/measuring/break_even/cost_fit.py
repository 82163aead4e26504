"""The fit of a strategy's times: fixed + items × (overhead + share × cost × (1 + deviation)).

The fixed part (workers' start, commit) is the strategy's own, whatever the function costs. A burden's
share of its wall time is 1 where one worker bears it all, and 1/workers where it is spread evenly;
less than that is impossible, which is what makes short runs tell something about long ones. Costs
may deviate from the common share. All in relative error, for a disturbance slows a run down by a
factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.grid import Cell

_QUICKEST = 0.9
"""A burn may be this much quicker than calibrated."""
_DEVIATION = 0.2
"""Relative: how far the time for one cost may easily lie off the common share."""
_SHARE_SPREAD = 3.0
"""Of a share that was never measured, around what is assumed."""
_ROUNDS = 4
_USUAL_MISFIT = 0.05
"""Relative: cells that miss the line by less are trusted in full."""
_TIE = 0.05
"""Weight of the preference for a fixed part, where runs of one length tell no more."""


class Line(NamedTuple):
    """Seconds over items, for one strategy and cost."""

    fixed: float
    per_item: float

    def seconds(self, items: float) -> float:
        return self.fixed + items * self.per_item


def least_share(workers: int) -> float:
    """The share of a burden's time below which so many workers cannot bring it."""
    return _QUICKEST / workers


def fit_lines(
    medians: Mapping[Cell, float],
    weights: Mapping[Cell, float],
    costs: Sequence[Cost],
    workers: int,
    assumed_share: float = 1.0,
) -> dict[Cost, Line]:
    """The lines of all `costs`, also of those without a run; nothing is negative.

    `assumed_share` is that of a kind of burden (burn, wait) without a run.
    """
    import numpy
    from scipy.optimize import nnls

    burdens = [cost for cost in costs if cost.seconds]
    # Unknowns: fixed, overhead, share of burns, share of waits, then each burden's time.
    column = {cost: 4 + n for n, cost in enumerate(burdens)} | {Cost(): 1}
    least = least_share(workers)
    low = numpy.array([0.0, 0.0, least, least, *(least * cost.seconds for cost in burdens)])
    rows: list[Any] = []
    right: list[float] = []

    def demand(weight: float, value: float, **terms: float) -> None:
        row = numpy.zeros(len(low))
        for at, factor in terms.items():
            row[int(at[1:])] = weight * factor
        rows.append(row)
        right.append(weight * value)

    for cell, seconds in medians.items():
        terms = {"_0": 1 / seconds, f"_{column[cell.cost]}": cell.items / seconds}
        if cell.cost.seconds:
            terms["_1"] = cell.items / seconds
        demand(weights[cell], 1.0, **terms)
    for cost in burdens:
        size = 1 / cost.seconds
        shared = "_3" if cost.waits else "_2"
        demand(1 / _DEVIATION, 0.0, **{f"_{column[cost]}": size, shared: -1.0})
    for shared in ("_2", "_3"):
        demand(1.0 / _SHARE_SPREAD, assumed_share, **{shared: 1.0})
    # A short run's time is rather fixed than of its items, until a longer one shows otherwise.
    most = max(cell.items / seconds for cell, seconds in medians.items())
    demand(_TIE, 0.0, _1=most)
    matrix, wanted = numpy.array(rows), numpy.array(right)
    trust = numpy.ones(len(rows))
    measured = slice(0, len(medians))
    for _ in range(_ROUNDS):
        shown = matrix * trust[:, None]
        # Columns of one size: a fixed second and a microsecond an item differ by a million.
        scale = numpy.linalg.norm(shown, axis=0)
        scale[scale == 0] = 1.0
        found, _ = nnls(shown / scale, (wanted - matrix @ low) * trust)
        solution = low + found / scale
        # A cell that the others contradict was disturbed (Huber's weights).
        off = numpy.abs((matrix @ solution - wanted)[measured]) / list(weights.values())
        usual = max(_USUAL_MISFIT, 1.5 * float(numpy.median(off)))
        trust[measured] = numpy.sqrt(usual / numpy.maximum(off, usual))
    fixed, overhead, _, _, *times = solution.tolist()
    times_of = dict(zip(burdens, times, strict=True)) | {Cost(): 0.0}
    return {cost: Line(fixed, overhead + times_of[cost]) for cost in costs}
