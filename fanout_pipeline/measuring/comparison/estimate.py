"""From how many items, or how much more work an item, a strategy would beat the reference.

Estimated from the trials alone: what starts and stops workers is paid once, the rest an item at a
time; more work an item is shared by the workers. `break_even` measures it instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import duration
from fanout_pipeline.measuring.statistics.inference import Claim, claim


@dataclass(frozen=True, slots=True)
class PaysFrom:
    """Where a strategy that is slower here begins to be faster."""

    items: int | None
    """With the function as it is; None: at no number of items."""
    seconds_an_item: float | None
    """That much more work an item, at this number of items; None where it would not be shared."""

    @property
    def order(self) -> tuple[float, float]:
        """Sooner comes first."""
        return (self.seconds_an_item or float("inf"), self.items or float("inf"))

    @property
    def sentence(self) -> str:
        ways = []
        if self.items is not None:
            ways.append(f"from about {_rounded(self.items):,} items")
        if self.seconds_an_item is not None:
            ways.append(
                f"{'or ' if ways else 'from '}{duration(self.seconds_an_item)} more work an item"
            )
        return f"it pays {' '.join(ways)}"


def pays_from(comparison: Comparison, row: Row) -> PaysFrom | None:
    """None where more of anything does not make it pay."""
    base = comparison.rows[0]
    if row.cold is None or row.warm is None or base.warm_seconds is None or row.workers < 2:
        return None
    cold, warm = row.cold.ratio * base.wall_seconds, row.warm.ratio * base.warm_seconds
    gain, lost = base.warm_seconds - warm, cold - base.wall_seconds
    gains = claim(row.warm, comparison.noise) is Claim.FASTER
    items = round((cold - warm) / gain * row.items) if gains and cold > warm else None
    # Threads take turns at Python code, of which more work would be. Processes share it, but where
    # their calls take longer than the reference's: something else is short then.
    processes = row.start_method != "none"
    called = row.phases.get("call", 0.0) * row.workers
    shared = processes and called <= 1.5 * base.phases.get("call", 0.0)
    seconds = lost / row.items / (1 - 1 / row.workers) if shared and lost > 0 else None
    return None if items is None and seconds is None else PaysFrom(items, seconds)


def _rounded(items: int) -> int:
    """To two digits."""
    return round(items, 2 - len(str(items)))
