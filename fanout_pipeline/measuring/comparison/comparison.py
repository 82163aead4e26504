"""The strategies of one fan-out side by side: times, ratios, correctness, phases."""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison.asset_record import AssetRecord
from fanout_pipeline.measuring.statistics.inference import Claim, RatioEstimate, noise_floor
from fanout_pipeline.measuring.trials.store import TrialRun

FAULTS = ("out_of_place", "missing", "duplicated", "wrong")


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy in relation to the reference. Seconds are medians of the counted trials."""

    strategy: str
    wall_seconds: float
    wall_seconds_all: tuple[float, ...]
    start_seconds: float
    warm_seconds: float | None
    """The time with workers that are already running; None where they cannot be kept."""
    cold: RatioEstimate | None
    """Its time divided by the reference's; None for the reference itself, and without items."""
    warm: RatioEstimate | None
    """The same ratio with workers that are already running."""
    trials: int
    items: int
    workers: int
    start_method: str
    phases: dict[str, float]
    """The seconds of each phase of the median trial, in the order of PHASES; empty if not recorded."""
    sent_bytes: int
    pickle_seconds: float
    out_of_place: int
    """The most in one trial, warm-up included, or in the asset's own run."""
    missing: int
    """The most in one trial, warm-up included, or in the asset's own run."""
    duplicated: int
    """The most in one trial, warm-up included, or in the asset's own run."""
    wrong: int
    """The most in one trial, warm-up included, or in the asset's own run."""
    inexact: int
    """The most results in one trial that differ in last digits only, within the tolerance."""
    largest_difference: float
    """The largest relative difference of an inexact result, in all trials."""
    digest: str
    is_reference: bool
    failure: str | None
    """The error that it raised in one of the trials."""
    batch: bool
    """True if it calls the batch function, which is vectorising and no fan-out."""
    keeps_order: bool
    """True if it keeps the order by design, not by chance."""
    claim: Claim | None = None
    """What `cold` shows; None for the reference itself, and without items."""
    warm_claim: Claim | None = None
    """What `warm` shows; None where there is none."""
    why: str = ""
    """What `auto` chose in the median trial, and why; empty for other strategies."""

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def correct(self) -> bool:
        return self.failure is None and not any(getattr(self, fault) for fault in FAULTS)

    @property
    def eligible(self) -> bool:
        """Whether it may be recommended: right in all trials, and in order in any others."""
        return self.correct and self.keeps_order

    @property
    def ratio(self) -> float | None:
        """Its time divided by the reference's, over the rounds; 1 for the reference."""
        if self.is_reference:
            return 1.0 if self.items else None
        return None if self.cold is None else self.cold.ratio

    @property
    def speedup(self) -> float | None:
        return 1 / self.ratio if self.ratio else None

    @property
    def efficiency(self) -> float | None:
        """The speed-up for each worker; 1.0 is a perfect split."""
        return self.speedup / self.workers if self.speedup else None

    @property
    def items_per_second(self) -> float:
        return self.items / self.wall_seconds

    @property
    def phases_wall_seconds(self) -> float:
        """The wall time of the one trial that the phases are of; of two in the middle, the faster."""
        return sorted(self.wall_seconds_all)[(self.trials - 1) // 2]

    @property
    def unaccounted(self) -> float:
        """The part of that time that belongs to no phase."""
        return self.phases_wall_seconds - sum(self.phases.values())

    def seconds_in(self, *phases: str) -> float:
        """How long the median trial was in these phases."""
        return sum(self.phases.get(phase, 0.0) for phase in phases)

    def share_of(self, *phases: str) -> float:
        """The share of the median trial's time that these phases took."""
        return self.seconds_in(*phases) / self.phases_wall_seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """All strategies of one fan-out, the reference first."""

    run: TrialRun
    rows: tuple[Row, ...]
    control: RatioEstimate | None
    """The reference against itself; None without items or without a whole round."""
    recorded: tuple[AssetRecord, ...] = ()
    """What the strategies' assets recorded, where they were made."""

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def reference(self) -> str:
        return self.run.reference

    @property
    def items(self) -> int:
        return self.rows[0].items

    @property
    def rounds(self) -> int:
        """In how many rounds the reference ran and another strategy, or itself again."""
        pairs = [self.control, *(row.cold for row in self.rows)]
        return max((one.rounds for one in pairs if one is not None), default=0)

    @property
    def sessions(self) -> int:
        """In how many sessions the strategies ran, if the intervals are of their medians; else 1."""
        return max((row.cold.sessions for row in self.rows if row.cold is not None), default=1)

    @property
    def noise(self) -> float:
        """By how much two identical strategies may seem to differ: 0.04 is 4 %."""
        return noise_floor(self.control) if self.control else float("inf")

    @property
    def fastest_first(self) -> list[Row]:
        """By ratio, because seconds of different rounds do not compare; by seconds without a ratio."""
        return sorted(self.rows, key=lambda row: (row.ratio or 0.0, row.wall_seconds))

    @property
    def phases(self) -> list[str]:
        """The phases that took more than a hundred-thousandth of the time of any strategy."""
        return [
            phase for phase in PHASES if any(abs(row.share_of(phase)) > 1e-5 for row in self.rows)
        ]

    def row(self, strategy: str) -> Row | None:
        return next((row for row in self.rows if row.strategy == strategy), None)
