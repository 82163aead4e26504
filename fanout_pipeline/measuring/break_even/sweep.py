"""Which run comes next, until the budget is used up: small cells first, the hopeless never.

A block is one run of the reference and of each strategy that may win in a cell, in random order, so
that a machine that slows down slows all of them. The next block is the one with the least expected
time × number of the repeat: the third run of a short cell comes before the first of a long one. Counts
between decades weigh double, so that a short budget reaches large counts rather than all counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.measuring.break_even.cost_model import JITTER_SECONDS, CostModel
from fanout_pipeline.measuring.break_even.grid import Cell, Grid, Skip
from fanout_pipeline.measuring.formatting import duration, first_line
from fanout_pipeline.measuring.trials.time_limit import TookTooLong

_HOPELESS = 2.0
"""A strategy that is this many times slower than the reference even at best is not run."""
_LONGEST_RUN = 0.1
"""The share of the budget that one run may take."""
_UNTIMED_SECONDS = 0.1
"""What each run costs outside its timing: checks, removing its results."""
_PROBE_STEP = 1000
"""Probes are made at this many times the smallest count, and at each decade from there."""

Measure = Callable[[str, Cell], float]
"""Runs a strategy in a cell and gives the seconds."""


class Block(NamedTuple):
    """Runs that are made together."""

    cell: Cell
    strategies: tuple[str, ...]
    seconds: float
    """The time that they are expected to take."""
    repeat: int
    """The number of this look at the cell, from 1."""


class Sweep:
    """Decides on the runs of a grid from what the model knows."""

    def __init__(self, grid: Grid, model: CostModel, budget_seconds: float):
        self._grid = grid
        self._model = model
        self._longest = _LONGEST_RUN * budget_seconds
        smallest = grid.counts[0]
        self._decades = {smallest * 10**power for power in range(20)}
        self._left_out: dict[str, str] = {}
        self._begun: set[Cell] = set()
        self._probes = {n for n in self._decades if n >= _PROBE_STEP * smallest}

    def run(
        self,
        measure: Measure,
        keep: Callable[[str, Cell, float], object],
        clock: Callable[[], float],
        rng: Random,
        deadline: float,
        log: Callable[[Block], object] = lambda block: None,
    ) -> None:
        """Measure blocks until none is left that fits in before the deadline."""
        while (block := self.next_block(deadline - clock())) is not None:
            log(block)
            order = list(block.strategies)
            rng.shuffle(order)
            if block.cell not in self._begun:
                # The first run of a cell in this process is the reference's: the others are checked
                # against its results, and limited by its time.
                order.sort(key=lambda strategy: strategy != self._grid.reference)
                self._begun.add(block.cell)
            for strategy in order:
                if clock() >= deadline:
                    return
                seconds = self.try_run(measure, strategy, block.cell)
                if seconds is not None:
                    keep(strategy, block.cell, seconds)

    def try_run(self, measure: Measure, strategy: str, cell: Cell) -> float | None:
        """Measure; None where a strategy other than the reference fails, or has failed before."""
        try:
            return None if strategy in self._left_out else measure(strategy, cell)
        except (WorkerDied, TypeError, TookTooLong) as error:
            if strategy == self._grid.reference:
                raise
            self._left_out[strategy] = first_line(f"failed: {type(error).__name__}: {error}")
            return None

    def next_block(self, seconds_left: float) -> Block | None:
        """The block that says most for its time, of those that fit."""
        blocks = [block for block in self._open_blocks() if block.seconds <= seconds_left]
        return min(blocks, key=self._priority, default=None)

    def skips(self) -> tuple[Skip, ...]:
        """Every strategy and cell without a run, with the reason."""
        return tuple(
            self._skip(strategy, cell)
            for cell in self._grid.cells
            for strategy in self._grid.taking_part(cell.cost)
            if not self._model.seconds(strategy, cell)
        )

    def _open_blocks(self) -> Iterator[Block]:
        reference = self._grid.reference
        for cell in self._grid.cells:
            if not self._may_run(reference, cell):
                continue
            open_ = [
                strategy
                for strategy in self._grid.taking_part(cell.cost)
                if self._done(strategy, cell) < self._grid.repeats and self._may_run(strategy, cell)
            ]
            if not open_:
                continue
            strategies = tuple(dict.fromkeys([reference, *open_]))
            seconds = sum(
                self._model.expected(strategy, cell) + _UNTIMED_SECONDS for strategy in strategies
            )
            yield Block(cell, strategies, seconds, 1 + min(self._done(s, cell) for s in open_))

    def _priority(self, block: Block) -> float:
        step = 1 if block.cell.items in self._decades else 2
        return block.seconds * block.repeat * step

    def _may_run(self, strategy: str, cell: Cell) -> bool:
        if strategy in self._left_out or self._model.expected(strategy, cell) > self._longest:
            return False
        if strategy == self._grid.reference or self._is_probe(strategy, cell):
            return True
        return not self._is_hopeless(strategy, cell)

    def _is_hopeless(self, strategy: str, cell: Cell) -> bool:
        best = self._model.at_best(strategy, cell)
        reference = self._model.expected(self._grid.reference, cell)
        return best > _HOPELESS * reference and best - reference > JITTER_SECONDS

    def _skip(self, strategy: str, cell: Cell) -> Skip:
        reference = self._grid.reference
        if strategy in self._left_out:
            return Skip(strategy, cell, self._left_out[strategy], failed=True)
        if strategy != reference and self._is_hopeless(strategy, cell):
            best = self._model.at_best(strategy, cell)
            slower = best / self._model.expected(reference, cell)
            reason = f"hopeless: {slower:,.1f} times slower than {reference} at best"
            return Skip(strategy, cell, reason)
        expected = self._model.expected(strategy, cell)
        if expected > self._longest:
            return Skip(strategy, cell, f"too long: about {duration(expected)}")
        return Skip(strategy, cell, "the budget was used up")

    def _is_probe(self, strategy: str, cell: Cell) -> bool:
        """Whether a run that cannot win would be the first to show what an item costs the strategy."""
        return (
            not cell.cost.seconds
            and cell.items in self._probes
            and not self._model.least_per_item(strategy, cell.cost)
            and not self._model.seconds(strategy, cell)
        )

    def _done(self, strategy: str, cell: Cell) -> int:
        return len(self._model.seconds(strategy, cell))
