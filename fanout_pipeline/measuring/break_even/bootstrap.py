"""How far the lines might lie elsewhere: a bootstrap.

The samples of each cell are drawn again with replacement, each cell is moved by as much as the line
misses the cells, and the lines are fitted anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from statistics import median

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.cost_fit import Line, least_share
from fanout_pipeline.measuring.break_even.cost_model import CostModel
from fanout_pipeline.measuring.break_even.crossings import Lines

_TO_DEVIATION = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""
_MISFITS = (0.03, 0.3)
"""The least and the most, relatively, by which resampled cells are moved."""


def resampled_lines(
    strategies: Sequence[str], model: CostModel, rng: Random, resamples: int
) -> list[Lines]:
    """So many sets of all strategies' lines, as other samples might have given them."""
    lines = {strategy: model.lines(strategy) for strategy in strategies}
    misfits = {s: _misfit(model, s, lines[s]) for s in strategies if lines[s]}
    # A strategy with no more cells than parameters has no misfit of its own: it gets the common one.
    known = [found for found in misfits.values() if found is not None]
    common = median(known) if known else _MISFITS[1]
    return [
        {s: _drawn(model, s, misfits[s] or common, rng) if lines[s] else {} for s in strategies}
        for _ in range(resamples)
    ]


def _misfit(model: CostModel, strategy: str, lines: Mapping[Cost, Line]) -> float | None:
    """By how much, relatively, the cells' medians miss the lines."""
    cells = model.cells(strategy)
    freedom = len(cells) - len({cell.cost for cell in cells}) - 1
    if freedom < 1:
        return None
    # The median, not the mean square, because the fit, too, gives single disturbed cells little weight.
    usual = median(
        abs(math.log(median(seconds) / lines[cell.cost].seconds(cell.items)))
        for cell, seconds in cells.items()
    )
    least, most = _MISFITS
    return min(most, max(least, _TO_DEVIATION * usual * math.sqrt(len(cells) / freedom)))


def _drawn(model: CostModel, strategy: str, misfit: float, rng: Random) -> dict[Cost, Line]:
    medians = {
        cell: median(rng.choices(seconds, k=len(seconds))) * math.exp(rng.gauss(0, misfit))
        for cell, seconds in model.cells(strategy).items()
    }
    # A share that was only assumed is as uncertain as it can be.
    share = rng.uniform(least_share(model.workers[strategy]), 1.1)
    return model.fitted(strategy, medians, share)
