"""Where the time of each strategy's median trial went, phase by phase, and what nobody accounts for."""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison import Comparison, Row


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The phases and the remainder sum to the wall time."""

    strategy: str
    wall_seconds: float
    """Of the one trial whose phases these are."""
    phases: dict[str, float]
    """In the order of PHASES. Empty where they were not recorded."""

    @property
    def unaccounted(self) -> float:
        return self.wall_seconds - sum(self.phases.values())

    def share(self, *phases: str) -> float:
        """Of the wall time."""
        return self.seconds(*phases) / self.wall_seconds

    def seconds(self, *phases: str) -> float:
        return sum(self.phases.get(phase, 0.0) for phase in phases)


def breakdown(row: Row) -> Breakdown:
    """Of the median trial: of two in the middle, the faster, as the row's phases are."""
    phases = {name: row.phases[name] for name in PHASES if name in row.phases}
    ordered = sorted(row.wall_seconds_all)
    return Breakdown(row.strategy, ordered[(len(ordered) - 1) // 2], phases)


def breakdowns(comparison: Comparison) -> list[Breakdown]:
    """One a strategy, the fastest first."""
    return [breakdown(row) for row in comparison.fastest_first]


def occurring(found: list[Breakdown]) -> list[str]:
    """The phases that took any of them longer than a hundred-thousandth of its time."""
    return [phase for phase in PHASES if any(abs(one.share(phase)) > 1e-5 for one in found)]
