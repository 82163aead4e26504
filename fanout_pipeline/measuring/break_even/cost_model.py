"""What is known of each strategy's times while a sweep goes on: samples, lines, bounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.cost_fit import Line, fit_lines, least_share
from fanout_pipeline.measuring.break_even.grid import Cell, Sample

_SLACK = 0.25
"""How far off, relatively, the bounds allow a time to be."""
JITTER_SECONDS = 0.05
"""How far off, absolutely: a run may have waited so long for a core that another process had."""
_UNKNOWN_SECONDS = 0.5
"""The time expected of a strategy that has never run."""


class CostModel:
    """What the samples so far say."""

    def __init__(
        self, costs: Sequence[Cost], workers: Mapping[str, int], samples: Iterable[Sample] = ()
    ):
        """`workers`: how many each strategy uses."""
        self.costs = costs
        self.workers = workers
        self._seconds: dict[str, dict[Cell, list[float]]] = defaultdict(dict)
        # Kept until the strategy's next sample: the sweep asks thousands of times in between.
        self._lines: dict[str, dict[Cost, Line]] = {}
        self._least: dict[str, dict[Cost, float]] = defaultdict(dict)
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Samples with another number of workers are left to the scalability law."""
        if sample.workers == self.workers.get(sample.strategy) and sample.cell.cost in self.costs:
            cells = self._seconds[sample.strategy]
            cells.setdefault(sample.cell, []).append(sample.seconds)
            self._lines.pop(sample.strategy, None)
            self._least.pop(sample.strategy, None)

    def seconds(self, strategy: str, cell: Cell) -> list[float]:
        """The times of the runs in this cell."""
        return self._seconds[strategy].get(cell, [])

    def cells(self, strategy: str) -> dict[Cell, list[float]]:
        return self._seconds[strategy]

    def lines(self, strategy: str) -> dict[Cost, Line]:
        """The lines of all costs, once the strategy has run; those not measured follow the common share."""
        if strategy not in self._lines:
            cells = self._seconds[strategy]
            medians = {cell: median(seconds) for cell, seconds in cells.items()}
            self._lines[strategy] = self.fitted(strategy, medians) if cells else {}
        return self._lines[strategy]

    def fitted(
        self, strategy: str, medians: Mapping[Cell, float], assumed_share: float = 1.0
    ) -> dict[Cost, Line]:
        """The lines that other medians of the same cells would give."""
        weights = {cell: len(self._seconds[strategy][cell]) ** 0.5 for cell in medians}
        return fit_lines(medians, weights, self.costs, self.workers[strategy], assumed_share)

    def expected(self, strategy: str, cell: Cell) -> float:
        """The expected seconds; for a cost never measured, as if one worker bore all of it."""
        if known := self.seconds(strategy, cell):
            return median(known)
        lines = self.lines(strategy)
        if not lines:
            return _UNKNOWN_SECONDS + cell.items * cell.cost.seconds
        return lines[cell.cost].seconds(cell.items)

    def at_best(self, strategy: str, cell: Cell) -> float:
        """The fewest seconds that the strategy could take, its work spread evenly over all workers."""
        cells = self._seconds[strategy]
        if not cells:
            return 0.0
        fixed = (1 - _SLACK) * self.lines(strategy)[cell.cost].fixed
        spread = least_share(self.workers[strategy]) * cell.cost.seconds
        least = max(self.least_per_item(strategy, cell.cost), spread)
        return fixed + cell.items * least

    def least_per_item(self, strategy: str, cost: Cost) -> float:
        """The fewest seconds an item could take; 0.0 while the fixed part hides it.

        What an item takes with the function as it is, it takes with any added cost, too.
        """
        if cost not in self._least[strategy]:
            cells = self._seconds[strategy]
            most_fixed = (1 + _SLACK) * min(map(median, cells.values()), default=0.0)
            found = [
                ((1 - _SLACK) * min(seconds) - most_fixed - JITTER_SECONDS) / cell.items
                for cell, seconds in cells.items()
                if cell.cost in (cost, Cost())
            ]
            self._least[strategy][cost] = max(0.0, *found, 0.0)
        return self._least[strategy][cost]
