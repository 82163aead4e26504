"""Strategies with known laws of cost on a clock that only they move."""

import math
from random import Random

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.cost_model import CostModel
from fanout_pipeline.measuring.break_even.grid import Grid, Sample, log_counts, ordered_costs
from fanout_pipeline.measuring.break_even.sweep import Sweep

BURNS = [Cost(seconds) for seconds in (1e-6, 1e-5, 1e-4, 1e-3)]
COSTS = ordered_costs([*BURNS, Cost(1e-3, waits=True)])
LAWS = {
    "serial": lambda n, burn, wait: 0.01 + n * (0.4e-6 + burn + wait),
    "threads": lambda n, burn, wait: 0.012 + n * (0.44e-6 + 1.02 * burn + wait / 2),
    "multiprocess": lambda n, burn, wait: 0.25 + n * (0.22e-6 + (burn + wait) / 2),
    "queue": lambda n, burn, wait: 0.7 + n * max(20e-6, (burn + wait) / 2),
    "vectorized": lambda n, burn, wait: 0.015 + n * 0.1e-6,
}
WORKERS = {"serial": 1, "threads": 2, "multiprocess": 2, "queue": 2, "vectorized": 1}
GRID = Grid(log_counts(10, 1_000_000, 2), COSTS, tuple(LAWS), frozenset({"vectorized"}), 3)


def seconds(strategy, cell):
    """The true time."""
    burn, wait = (0.0, cell.cost.seconds) if cell.cost.waits else (cell.cost.seconds, 0.0)
    return LAWS[strategy](cell.items, burn, wait)


class Simulation:
    """A machine on which each run takes the true time, but for a factor of chance."""

    def __init__(self, grid=GRID, noise=0.05, seed=0, samples=()):
        self.grid = grid
        self.now = 0.0
        self.samples = list(samples)
        self.model = CostModel(grid.costs, WORKERS, samples)
        self._noise = noise
        self._rng = Random(seed)

    def measure(self, strategy, cell):
        taken = seconds(strategy, cell) * math.exp(self._rng.gauss(0, self._noise))
        self.now += taken
        return taken

    def keep(self, strategy, cell, taken):
        sample = Sample(strategy, cell, WORKERS[strategy], taken)
        self.samples.append(sample)
        self.model.add(sample)

    def sweep(self, budget=200.0, seed=0):
        """Sweep for so many simulated seconds."""
        sweep = Sweep(self.grid, self.model, budget)
        sweep.run(self.measure, self.keep, lambda: self.now, Random(seed), self.now + budget)
        return sweep
