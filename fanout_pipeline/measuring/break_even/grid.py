"""What a sweep varies, what one timed run in it is called, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.formatting import two_digits


class Cell(NamedTuple):
    """One point of the grid."""

    cost: Cost
    items: int


class Sample(NamedTuple):
    """One timed run."""

    strategy: str
    cell: Cell
    workers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Skip:
    """A run that was not made."""

    strategy: str
    cell: Cell
    reason: str
    failed: bool = False
    """True where the strategy has failed before."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Item counts × costs × strategies."""

    counts: tuple[int, ...]
    """Numbers of items, ascending."""
    costs: tuple[Cost, ...]
    """Added costs; the function as it is comes first."""
    strategies: tuple[str, ...]
    """Names of strategies; the reference comes first."""
    batch: frozenset[str]
    """The strategies that call the batch function. They take part only where the function is as it is:
    an added cost is work in Python for each item, which is what a batch function does without."""
    repeats: int
    """Timed runs of each strategy in a cell, where the budget allows them."""

    @property
    def reference(self) -> str:
        return self.strategies[0]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(Cell(cost, items) for cost in self.costs for items in self.counts)

    def taking_part(self, cost: Cost) -> tuple[str, ...]:
        """The strategies that can run with this cost."""
        return tuple(s for s in self.strategies if not cost.seconds or s not in self.batch)


def log_counts(smallest: int, largest: int, per_decade: int) -> tuple[int, ...]:
    """Counts in equal steps on a log scale, whole decades among them, `largest` last."""
    counts = {max(smallest, largest)}
    step = 0
    while (exact := smallest * 10 ** (step / per_decade)) < largest:
        counts.add(two_digits(exact))
        step += 1
    return tuple(sorted(counts))


def ordered_costs(costs: Iterable[Cost]) -> tuple[Cost, ...]:
    """The function as it is (added if missing), then burns, then waits, each ascending."""
    return tuple(sorted({Cost(), *costs}, key=lambda cost: (cost.waits, cost.seconds)))
