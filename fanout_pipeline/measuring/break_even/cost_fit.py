"""Fits a strategy's times: fixed + items × (overhead + share × cost × (1 + deviation)).

The fixed part (starting workers, commit) is the strategy's own, whatever the function costs. An added
cost's share of the wall time is 1 where one worker bears all of it, and 1/workers where it is spread
evenly; less is impossible, which is why short runs say something about long ones. Single costs may
deviate from the common share. Errors are relative, because a disturbance slows a run down by a factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.grid import Cell

_FASTEST_BURN = 0.9
"""A burn may take this share of its calibrated time."""
_DEVIATION = 0.2
"""How far, relatively, one cost may easily deviate from the common share."""
_SHARE_SPREAD = 3.0
"""How far a share that was never measured may lie from the assumed one."""
_REWEIGHTINGS = 4
_USUAL_MISFIT = 0.05
"""Cells that miss the line by less, relatively, have full weight."""
_FIXED_PREFERENCE = 0.05
"""The weight of the preference for a fixed part, where runs of one length cannot decide."""
_FIXED, _OVERHEAD, _BURN_SHARE, _WAIT_SHARE, _FIRST_ADDED = range(5)
"""The unknowns by their columns; the last is the first added cost's time, followed by the others'."""


class Line(NamedTuple):
    """Seconds over items, for one strategy and cost."""

    fixed: float
    per_item: float

    def seconds(self, items: float) -> float:
        return self.fixed + items * self.per_item


def least_share(workers: int) -> float:
    """The least share of an added cost that so many workers can bring it down to."""
    return _FASTEST_BURN / workers


def fit_lines(
    medians: Mapping[Cell, float],
    weights: Mapping[Cell, float],
    costs: Sequence[Cost],
    workers: int,
    assumed_share: float = 1.0,
) -> dict[Cost, Line]:
    """The lines of all `costs`, including those without a run; nothing in them is negative.

    `assumed_share` is used for a kind of cost (burn, wait) without a run.
    """
    import numpy
    from scipy.optimize import nnls

    added = [cost for cost in costs if cost.seconds]
    column = {cost: _FIRST_ADDED + n for n, cost in enumerate(added)} | {Cost(): _OVERHEAD}
    share_of = {cost: _WAIT_SHARE if cost.waits else _BURN_SHARE for cost in added}
    least = least_share(workers)
    low = numpy.array([0.0, 0.0, least, least, *(least * cost.seconds for cost in added)])
    rows: list[Any] = []
    right: list[float] = []

    def demand(weight: float, value: float, terms: Mapping[int, float]) -> None:
        row = numpy.zeros(len(low))
        for at, factor in terms.items():
            row[at] = weight * factor
        rows.append(row)
        right.append(weight * value)

    for cell, seconds in medians.items():
        terms = {_FIXED: 1 / seconds, _OVERHEAD: cell.items / seconds}
        demand(weights[cell], 1.0, terms | {column[cell.cost]: cell.items / seconds})
    for cost in added:
        demand(1 / _DEVIATION, 0.0, {column[cost]: 1 / cost.seconds, share_of[cost]: -1.0})
    for share in (_BURN_SHARE, _WAIT_SHARE):
        demand(1.0 / _SHARE_SPREAD, assumed_share, {share: 1.0})
    # The time of a short run is attributed to its fixed part until a longer run shows otherwise.
    most = max(cell.items / seconds for cell, seconds in medians.items())
    demand(_FIXED_PREFERENCE, 0.0, {_OVERHEAD: most})
    matrix, wanted = numpy.array(rows), numpy.array(right)
    trust = numpy.ones(len(rows))
    measured = slice(0, len(medians))
    for _ in range(_REWEIGHTINGS):
        weighted = matrix * trust[:, None]
        # Columns of one size: a fixed second and a microsecond an item differ by a million.
        scale = numpy.linalg.norm(weighted, axis=0)
        scale[scale == 0] = 1.0
        found, _ = nnls(weighted / scale, (wanted - matrix @ low) * trust)
        solution = low + found / scale
        # A cell that contradicts the others was disturbed: it gets less weight (Huber's).
        off = numpy.abs((matrix @ solution - wanted)[measured]) / list(weights.values())
        usual = max(_USUAL_MISFIT, 1.5 * float(numpy.median(off)))
        trust[measured] = numpy.sqrt(usual / numpy.maximum(off, usual))
    fixed, overhead, _, _, *times = solution.tolist()
    times_of = dict(zip(added, times, strict=True)) | {Cost(): 0.0}
    return {cost: Line(fixed, overhead + times_of[cost]) for cost in costs}
