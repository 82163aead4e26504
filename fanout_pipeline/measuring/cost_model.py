"""What a run takes: time = fixed + items × per_item, for each strategy and cost.

The fixed part (workers' start, commit) is the strategy's own, whatever the function costs; the part
for each item is another one for each cost. Fitted in relative error, for a disturbance slows a run
down by a factor. Before a cost was measured, the model knows bounds, which is enough to leave out
what cannot win.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from fanout_pipeline.measuring.burden import Cost
from fanout_pipeline.measuring.sweep_grid import Cell, Sample

_SLACK = 0.25
"""How far a cell's median may be off, as far as the bounds are concerned."""
_VISIBLE = 0.25
"""The share of a run's time from which on the part for the items can be told from noise."""
_UNKNOWN_SECONDS = 0.5
"""Expected of a strategy that has never run."""


class Line(NamedTuple):
    """Seconds over items."""

    fixed: float
    per_item: float

    def seconds(self, items: int) -> float:
        return self.fixed + items * self.per_item


def fit_lines(medians: Mapping[Cell, float], weights: Mapping[Cell, float]) -> dict[Cost, Line]:
    """One strategy's lines, with a common fixed part; nothing is negative."""
    import numpy
    from scipy.optimize import nnls

    costs = list(dict.fromkeys(cell.cost for cell in medians))
    rows = numpy.zeros((len(medians), 1 + len(costs)))
    right = numpy.zeros(len(medians))
    for row, (cell, seconds) in enumerate(medians.items()):
        # Divided by the measured time: an error of 1 % weighs the same in every cell.
        weight = weights[cell]
        rows[row, 0] = weight / seconds
        rows[row, 1 + costs.index(cell.cost)] = weight * cell.items / seconds
        right[row] = weight
    # Columns of one size: a fixed second and a microsecond an item differ by a million.
    scale = numpy.linalg.norm(rows, axis=0)
    found, _ = nnls(rows / scale, right)
    fixed, *per_item = (found / scale).tolist()
    return {cost: Line(fixed, slope) for cost, slope in zip(costs, per_item, strict=True)}


class CostModel:
    """What is known of each strategy from the samples so far."""

    def __init__(self, workers: int, samples: Iterable[Sample] = ()):
        self._workers = workers
        self._seconds: dict[str, dict[Cell, list[float]]] = defaultdict(dict)
        # Kept until the strategy's next sample: the sweep asks thousands of times in between.
        self._lines: dict[str, dict[Cost, Line]] = {}
        self._least: dict[str, dict[Cost, float]] = defaultdict(dict)
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Samples with another number of workers belong to the scaling law, not here."""
        if sample.workers == self._workers:
            cells = self._seconds[sample.strategy]
            cells.setdefault(sample.cell, []).append(sample.seconds)
            self._lines.pop(sample.strategy, None)
            self._least.pop(sample.strategy, None)

    def seconds(self, strategy: str, cell: Cell) -> list[float]:
        """Of the runs in this cell."""
        return self._seconds[strategy].get(cell, [])

    def cells(self, strategy: str) -> dict[Cell, list[float]]:
        return self._seconds[strategy]

    def lines(self, strategy: str) -> dict[Cost, Line]:
        """Of the costs that were measured."""
        if strategy not in self._lines:
            cells = self._seconds[strategy]
            medians = {cell: median(seconds) for cell, seconds in cells.items()}
            weights = {cell: len(seconds) ** 0.5 for cell, seconds in cells.items()}
            self._lines[strategy] = fit_lines(medians, weights) if cells else {}
        return self._lines[strategy]

    def expected(self, strategy: str, cell: Cell) -> float:
        """Seconds, as far as is known: of a cost not measured yet, as if nothing ran side by side."""
        if known := self.seconds(strategy, cell):
            return median(known)
        lines = self.lines(strategy)
        if not lines:
            return _UNKNOWN_SECONDS + cell.items * cell.cost.seconds
        line = lines.get(cell.cost)
        if line is not None and self._is_visible(strategy, cell.cost, line):
            return line.seconds(cell.items)
        plain = lines.get(Cost(), Line(next(iter(lines.values())).fixed, 0.0))
        return plain.seconds(cell.items) + cell.items * cell.cost.seconds

    def at_best(self, strategy: str, cell: Cell) -> float:
        """Seconds below which the strategy will not come, its work spread evenly over all workers."""
        cells = self._seconds[strategy]
        if not cells:
            return 0.0
        fixed = (1 - _SLACK) * self.lines(strategy)[next(iter(cells)).cost].fixed
        spread = (1 - _SLACK) * cell.cost.seconds / self._workers
        least = max(self.least_per_item(strategy, cell.cost), spread)
        return fixed + cell.items * least

    def least_per_item(self, strategy: str, cost: Cost) -> float:
        """Seconds an item below which it will not come; 0.0 while that is hidden by the fixed part.

        What it takes for the function as it is, it takes with a burden, too.
        """
        if cost not in self._least[strategy]:
            cells = {cell: median(seconds) for cell, seconds in self._seconds[strategy].items()}
            most_fixed = (1 + _SLACK) * min(cells.values(), default=0.0)
            found = [
                ((1 - _SLACK) * seconds - most_fixed) / cell.items
                for cell, seconds in cells.items()
                if cell.cost in (cost, Cost())
            ]
            self._least[strategy][cost] = max(0.0, *found, 0.0)
        return self._least[strategy][cost]

    def _is_visible(self, strategy: str, cost: Cost, line: Line) -> bool:
        largest = max(cell.items for cell in self._seconds[strategy] if cell.cost == cost)
        return largest * line.per_item >= _VISIBLE * line.seconds(largest)
