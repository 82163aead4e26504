"""Where the time of each strategy's median trial went, phase by phase, and what no phase accounts for."""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The phases of one trial; with `unaccounted` they sum to its wall time."""

    strategy: str
    wall_seconds: float
    phases: dict[str, float]
    """Seconds, in the order of PHASES; empty where they were not recorded."""

    @property
    def unaccounted(self) -> float:
        return self.wall_seconds - sum(self.phases.values())

    def share(self, *phases: str) -> float:
        """The share of the wall time that these phases took."""
        return self.seconds(*phases) / self.wall_seconds

    def seconds(self, *phases: str) -> float:
        return sum(self.phases.get(phase, 0.0) for phase in phases)


def breakdown(row: Row) -> Breakdown:
    """The breakdown of the median trial; of two in the middle, the faster, like the row's phases."""
    phases = {name: row.phases[name] for name in PHASES if name in row.phases}
    ordered = sorted(row.wall_seconds_all)
    return Breakdown(row.strategy, ordered[(len(ordered) - 1) // 2], phases)


def breakdowns(comparison: Comparison) -> list[Breakdown]:
    """One for each strategy, the fastest first."""
    return [breakdown(row) for row in comparison.fastest_first]


def phases_shown(found: list[Breakdown]) -> list[str]:
    """The phases that took more than a hundred-thousandth of the time in any breakdown."""
    return [phase for phase in PHASES if any(abs(one.share(phase)) > 1e-5 for one in found)]
