"""From how many items, or how much more work an item, a strategy would beat the reference: estimated.

Starting and stopping workers is paid once, the rest for each item; more work an item is shared by the
workers. The estimate rests on the trials alone; the `break_even` room measures it instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import duration, two_digits
from fanout_pipeline.measuring.statistics.inference import Claim


@dataclass(frozen=True, slots=True)
class BreakEvenEstimate:
    """Where a strategy that is slower here would begin to be faster."""

    items: int | None
    """How many items it takes with the function as it is; None if no number suffices."""
    seconds_per_item: float | None
    """How much more work an item it takes, at this number of items; None where it is not shared."""

    @property
    def order(self) -> tuple[float, float]:
        """What pays sooner comes first."""
        return (self.seconds_per_item or float("inf"), self.items or float("inf"))

    @property
    def sentence(self) -> str:
        conditions = []
        if self.items is not None:
            conditions.append(f"from about {two_digits(self.items):,} items")
        if self.seconds_per_item is not None:
            start = "or " if conditions else "from "
            conditions.append(f"{start}{duration(self.seconds_per_item)} more work an item")
        return f"it pays {' '.join(conditions)}"


def estimate_break_even(comparison: Comparison, row: Row) -> BreakEvenEstimate | None:
    """None where more items and more work would not make the strategy pay."""
    base = comparison.rows[0]
    if row.cold is None or row.warm is None or base.warm_seconds is None or row.workers < 2:
        return None
    cold, warm = row.cold.ratio * base.wall_seconds, row.warm.ratio * base.warm_seconds
    gain, lost = base.warm_seconds - warm, cold - base.wall_seconds
    gains = row.warm_claim is Claim.FASTER
    items = round((cold - warm) / gain * row.items) if gains and cold > warm else None
    # More work is taken to be Python code, at which threads take turns. Processes share it, unless
    # their calls take longer than the reference's, which shows that something else is scarce.
    processes = row.start_method != "none"
    called = row.phases.get("call", 0.0) * row.workers
    shared = processes and called <= 1.5 * base.phases.get("call", 0.0)
    seconds = lost / row.items / (1 - 1 / row.workers) if shared and lost > 0 else None
    return None if items is None and seconds is None else BreakEvenEstimate(items, seconds)
