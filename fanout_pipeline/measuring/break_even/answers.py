"""From how many items, and from which cost an item, each strategy beats the reference.

The values come from `crossings`, the intervals from `bootstrap`; here they become answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import NamedTuple

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.bootstrap import resampled_lines
from fanout_pipeline.measuring.break_even.cost_fit import Line
from fanout_pipeline.measuring.break_even.cost_model import CostModel
from fanout_pipeline.measuring.break_even.crossings import Lines, cost_crossing, items_crossing
from fanout_pipeline.measuring.break_even.grid import Cell, Grid
from fanout_pipeline.measuring.formatting import CANNOT_TELL

FROM, NEVER = "from", "never"
_RESAMPLES = 400
_CROSSING_SUPPORT = 0.95
"""The share of resamples that must agree on whether two lines cross."""
_PREDICTED_SUPPORT = 0.99
"""The share that must agree on who is faster in a cell that was not run; there are many of these."""
_MEASURED_SUPPORT = 0.75
"""The share that must agree in a cell that was run, where the runs, too, have to agree."""
_LINES_FOLLOWED = 10
"""How many times beyond the grid's largest count or cost lines are followed."""
_CROSSING_FOLLOWED = 5
"""How many times beyond the runs of both strategies a crossing is believed."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where one strategy begins to beat the reference."""

    answer: str
    """A value to start "from"; "never" within the grid and ten times beyond it; "cannot tell"."""
    value: float | None = None
    """Items, or seconds an item."""
    low: float | None = None
    """The lower end of the 95 % interval."""
    high: float | None = None
    """The upper end of the 95 % interval; None where it has none."""
    extrapolated: bool = False
    """True if it lies beyond what was measured: the grid's counts or costs, or the runs made."""


@dataclass(frozen=True, slots=True)
class Winner:
    """The fastest strategy in one cell."""

    strategies: tuple[str, ...]
    """The fastest first, followed by those that the samples do not distinguish from it."""
    measured: bool
    """True if all that matter were run in this cell; False if it follows from the lines."""
    speedup: float
    """The reference's time divided by the fastest's."""


class CostQuestion(NamedTuple):
    """From which burn, or which wait, does a strategy beat the reference?"""

    strategy: str
    waits: bool


@dataclass(frozen=True, slots=True)
class BreakEven:
    """All answers of one sweep."""

    by_items: dict[tuple[str, Cost], Crossing]
    by_cost: dict[CostQuestion, Crossing]
    """Crossings at `items` items."""
    items: int
    winners: dict[Cell, Winner]
    lines: dict[str, dict[Cost, Line]]


def break_even(
    grid: Grid, model: CostModel, items: int, rng: Random, resamples: int = _RESAMPLES
) -> BreakEven:
    """Cross the lines of every strategy with the reference's."""
    lines = {strategy: model.lines(strategy) for strategy in grid.strategies}
    resampled = resampled_lines(grid.strategies, model, rng, resamples)
    sweep = _SweepLines(grid, model, lines, resampled)
    questions = [CostQuestion(s, waits) for s in grid.strategies[1:] for waits in (False, True)]
    by_cost = {asked: sweep.by_cost(asked, items) for asked in questions}
    winners = {cell: sweep.winner(cell) for cell in grid.cells}
    return BreakEven(
        by_items={
            (strategy, cost): sweep.by_items(strategy, cost)
            for cost in grid.costs
            for strategy in grid.taking_part(cost)
            if strategy != grid.reference
        },
        by_cost={asked: crossing for asked, crossing in by_cost.items() if crossing is not None},
        items=items,
        winners={cell: winner for cell, winner in winners.items() if winner is not None},
        lines={strategy: dict(found) for strategy, found in lines.items()},
    )


@dataclass(frozen=True, slots=True)
class _SweepLines:
    """What a sweep has found: samples, the lines through them, and the lines of resamples."""

    grid: Grid
    model: CostModel
    lines: Lines
    resampled: Sequence[Lines]

    def by_items(self, strategy: str, cost: Cost) -> Crossing:
        reference, counts = self.grid.reference, self.grid.counts
        if not self._has_lines(strategy):
            return Crossing(CANNOT_TELL)
        return _answer(
            items_crossing(self.lines, reference, strategy, cost),
            [items_crossing(lines, reference, strategy, cost) for lines in self.resampled],
            first=float(counts[0]),
            last=float(counts[-1]),
            measured=float(min(self._most_items(s, cost) for s in (reference, strategy))),
        )

    def by_cost(self, asked: CostQuestion, items: int) -> Crossing | None:
        strategy, reference = asked.strategy, self.grid.reference
        costs = [c for c in self.grid.costs if c.waits == asked.waits or not c.seconds]
        if len(costs) < 2 or strategy in self.grid.batch or not self._has_lines(strategy):
            return None
        return _answer(
            cost_crossing(self.lines, reference, strategy, costs, items),
            [
                # The bend is unknown: it is spread over all that are possible.
                cost_crossing(lines, reference, strategy, costs, items, n / len(self.resampled))
                for n, lines in enumerate(self.resampled)
            ],
            first=0.0,
            last=costs[-1].seconds,
            measured=costs[-1].seconds,
        )

    def winner(self, cell: Cell) -> Winner | None:
        times = {
            strategy: median(
                self.model.seconds(strategy, cell) or [self._predicted(strategy, cell)]
            )
            for strategy in self.grid.taking_part(cell.cost)
            if self.lines[strategy] and STRATEGIES[strategy].keeps_order
        }
        if self.grid.reference not in times:
            return None
        ranked = sorted(times, key=lambda strategy: times[strategy])
        best = ranked[0]
        tied = [s for s in ranked if s == best or not self._is_faster(cell, best, s)]
        # Strategies that were left out as hopeless cannot have been first: they need no run here.
        needed = {best, self.grid.reference, *ranked[:2]}
        measured = all(self.model.seconds(s, cell) for s in needed)
        return Winner(tuple(tied), measured, times[self.grid.reference] / times[best])

    def _has_lines(self, strategy: str) -> bool:
        return bool(self.lines[strategy] and self.lines[self.grid.reference])

    def _most_items(self, strategy: str, cost: Cost) -> int:
        cells = self.model.cells(strategy)
        return max((cell.items for cell in cells if cell.cost == cost), default=0)

    def _predicted(self, strategy: str, cell: Cell) -> float:
        return self.lines[strategy][cell.cost].seconds(cell.items)

    def _is_faster(self, cell: Cell, fast: str, slow: str) -> bool:
        """Whether the samples show it: all runs of one below all of the other, or the resampled lines."""
        ahead = sum(
            lines[fast][cell.cost].seconds(cell.items) < lines[slow][cell.cost].seconds(cell.items)
            for lines in self.resampled
        )
        ours, theirs = self.model.seconds(fast, cell), self.model.seconds(slow, cell)
        if min(len(ours), len(theirs)) >= 3:
            # By chance three runs are all below three others in 1 of 20 cells, and there are many cells.
            return max(ours) < min(theirs) and ahead >= _MEASURED_SUPPORT * len(self.resampled)
        return ahead >= _PREDICTED_SUPPORT * len(self.resampled)


def _answer(
    value: float, resampled: Sequence[float], first: float, last: float, measured: float
) -> Crossing:
    """What the samples and the resamples say of a crossing."""
    limit = _LINES_FOLLOWED * last
    followed = min(limit, _CROSSING_FOLLOWED * measured)
    crossing = sum(found <= limit for found in resampled) / len(resampled)
    if value > limit and crossing <= 1 - _CROSSING_SUPPORT:
        return Crossing(NEVER)
    if value > followed or crossing < _CROSSING_SUPPORT:
        return Crossing(CANNOT_TELL)
    ranked = sorted(resampled)
    low, high = (ranked[round(share * (len(ranked) - 1))] for share in (0.025, 0.975))
    return Crossing(
        FROM,
        max(first, value),
        max(first, min(low, value)),
        max(first, high, value) if high <= limit else None,
        extrapolated=value > measured,
    )
