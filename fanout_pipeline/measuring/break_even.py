"""From which item count, and from which cost an item, each strategy beats the reference.

The values are of `crossings`, the intervals of `resampling`; here they become answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import NamedTuple

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.burden import Cost
from fanout_pipeline.measuring.cost_fit import Line
from fanout_pipeline.measuring.cost_model import CostModel
from fanout_pipeline.measuring.crossings import Lines, cost_crossing, items_crossing
from fanout_pipeline.measuring.resampling import resampled_lines
from fanout_pipeline.measuring.sweep_grid import Cell, Grid

FROM, NEVER, CANNOT_TELL = "from", "never", "cannot tell"
_RESAMPLES = 400
_PREDICTED_SUPPORT = 0.99
"""The same for who is quicker in a cell that was not run; there are many of these."""
_AGREEING_SUPPORT = 0.75
"""The same in a cell that was run, where the runs, too, have to agree."""
_BEYOND = 10
"""Lines are followed up to so many times the largest count or cost of the grid."""
_SUPPORT = 0.95
"""Share of the resamples that must agree that the lines cross, or that they do not."""
_FOLLOWED = 5
"""A crossing is believed up to so many times what both were run with."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where one strategy begins to beat the reference."""

    answer: str
    """"from" a value on; "never" within the grid and ten times beyond it; "cannot tell"."""
    value: float | None = None
    """Items, or seconds an item."""
    low: float | None = None
    """The interval's lower end (95 %)."""
    high: float | None = None
    """Its upper end; None where there is none."""
    extrapolated: bool = False
    """It lies beyond what was measured: of the grid's counts or costs, or of the runs made."""


@dataclass(frozen=True, slots=True)
class Winner:
    """The quickest in one cell."""

    strategies: tuple[str, ...]
    """More than one: these samples show no difference between them; the quickest first."""
    measured: bool
    """All that was compared was run in this cell; else it follows from the lines."""
    speedup: float
    """The reference's time divided by the quickest's."""


class CostQuestion(NamedTuple):
    """From which burn, or which wait, does a strategy beat the reference?"""

    strategy: str
    waits: bool


@dataclass(frozen=True, slots=True)
class BreakEven:
    """All answers of one sweep."""

    by_items: dict[tuple[str, Cost], Crossing]
    by_cost: dict[CostQuestion, Crossing]
    """At `items` items."""
    items: int
    winners: dict[Cell, Winner]
    lines: dict[str, dict[Cost, Line]]


def break_even(
    grid: Grid,
    model: CostModel,
    items: int,
    rng: Random,
    resamples: int = _RESAMPLES,
) -> BreakEven:
    """Cross the lines of every strategy with the reference's."""
    lines: Lines = {strategy: model.lines(strategy) for strategy in grid.strategies}
    again = resampled_lines(grid.strategies, model, rng, resamples)
    by_items = {
        (strategy, cost): _by_items(grid, model, lines, again, strategy, cost)
        for cost in grid.costs
        for strategy in grid.taking_part(cost)
        if strategy != grid.reference
    }
    by_cost = {}
    for strategy in grid.strategies[1:]:
        for waits in (False, True):
            found = _by_cost(grid, lines, again, strategy, waits, items)
            if found is not None:
                by_cost[CostQuestion(strategy, waits)] = found
    winners = {cell: _winner(grid, model, cell, lines, again) for cell in grid.cells}
    return BreakEven(
        by_items,
        by_cost,
        items,
        {cell: winner for cell, winner in winners.items() if winner is not None},
        {strategy: dict(found) for strategy, found in lines.items()},
    )


def _by_items(
    grid: Grid,
    model: CostModel,
    lines: Lines,
    again: Sequence[Lines],
    strategy: str,
    cost: Cost,
) -> Crossing:
    reference = grid.reference
    if not lines[strategy] or not lines[reference]:
        return Crossing(CANNOT_TELL)
    return _answer(
        items_crossing(lines, reference, strategy, cost),
        [items_crossing(drawn, reference, strategy, cost) for drawn in again],
        first=float(grid.counts[0]),
        last=float(grid.counts[-1]),
        measured=float(_most_items(model, (reference, strategy), cost)),
    )


def _by_cost(
    grid: Grid, lines: Lines, again: Sequence[Lines], strategy: str, waits: bool, items: int
) -> Crossing | None:
    reference = grid.reference
    costs = [cost for cost in grid.costs if cost.waits == waits or not cost.seconds]
    if len(costs) < 2 or strategy in grid.batch or not lines[strategy] or not lines[reference]:
        return None
    last = costs[-1].seconds
    return _answer(
        cost_crossing(lines, reference, strategy, costs, items),
        [
            # Any bend is as good as another.
            cost_crossing(drawn, reference, strategy, costs, items, bend=n / len(again))
            for n, drawn in enumerate(again)
        ],
        first=0.0,
        last=last,
        measured=last,
    )


def _answer(
    value: float, again: Sequence[float], first: float, last: float, measured: float
) -> Crossing:
    """Put what the samples say, and what the resamples say, into words."""
    limit = _BEYOND * last
    followed = min(limit, _FOLLOWED * measured)
    crossing = sum(found <= limit for found in again) / len(again)
    if value > limit and crossing <= 1 - _SUPPORT:
        return Crossing(NEVER)
    if value > followed or crossing < _SUPPORT:
        return Crossing(CANNOT_TELL)
    ranked = sorted(again)
    low, high = (ranked[round(share * (len(ranked) - 1))] for share in (0.025, 0.975))
    return Crossing(
        FROM,
        max(first, value),
        max(first, min(low, value)),
        max(first, high, value) if high <= limit else None,
        extrapolated=value > measured,
    )


def _most_items(model: CostModel, strategies: Sequence[str], cost: Cost) -> int:
    return min(
        max((cell.items for cell in model.cells(strategy) if cell.cost == cost), default=0)
        for strategy in strategies
    )


def _winner(
    grid: Grid, model: CostModel, cell: Cell, lines: Lines, again: Sequence[Lines]
) -> Winner | None:
    times = {
        strategy: median(model.seconds(strategy, cell) or [lines[strategy][cell.cost].seconds(cell.items)])
        for strategy in grid.taking_part(cell.cost)
        if lines[strategy] and STRATEGIES[strategy].keeps_order
    }  # fmt: skip
    if grid.reference not in times:
        return None
    ranked = sorted(times, key=lambda strategy: times[strategy])
    best = ranked[0]
    tied = [s for s in ranked if s == best or not _is_quicker(model, cell, best, s, again)]
    # Those that were left out as hopeless cannot have been first: they need no run here.
    measured = all(model.seconds(s, cell) for s in {best, grid.reference, *ranked[:2]})
    return Winner(tuple(tied), measured, times[grid.reference] / times[best])


def _is_quicker(
    model: CostModel, cell: Cell, quick: str, slow: str, again: Sequence[Lines]
) -> bool:
    """Whether the samples show it: all runs of one under all of the other, or the resampled lines."""
    ahead = sum(
        drawn[quick][cell.cost].seconds(cell.items) < drawn[slow][cell.cost].seconds(cell.items)
        for drawn in again
    )
    ours, theirs = model.seconds(quick, cell), model.seconds(slow, cell)
    if min(len(ours), len(theirs)) >= 3:
        # Three runs are all under three others in 1 of 20 cells by chance, and there are many cells.
        return max(ours) < min(theirs) and ahead >= _AGREEING_SUPPORT * len(again)
    return ahead >= _PREDICTED_SUPPORT * len(again)
