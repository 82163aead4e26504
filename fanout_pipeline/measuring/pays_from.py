"""From how many items, or how much more work an item, a strategy would beat the reference.

Estimated from the trials alone: what starts and stops workers is paid once, the rest an item at a
time; more work an item is shared by the workers. `break_even` measures it instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.measuring.comparison import Comparison, Row


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
                f"{'or ' if ways else 'from '}{_duration(self.seconds_an_item)} more work an item"
            )
        return f"it pays {' '.join(ways)}"


def pays_from(comparison: Comparison, row: Row) -> PaysFrom | None:
    """None where more of anything does not make it pay."""
    base = comparison.rows[0]
    if row.warm_seconds is None or row.workers < 2 or not row.items:
        return None
    gain = (base.wall_seconds - row.warm_seconds) / row.items
    fixed = row.wall_seconds - row.warm_seconds
    items = round(fixed / gain) if gain > 0 else None
    # Threads take turns at Python code: where its calls take longer, more work would not be shared.
    shared = row.phases.get("call", 0.0) * row.workers <= 1.5 * base.phases.get("call", 0.0)
    lost = (row.wall_seconds - base.wall_seconds) / row.items
    seconds = lost / (1 - 1 / row.workers) if shared else None
    return None if items is None and seconds is None else PaysFrom(items, seconds)


def _rounded(items: int) -> int:
    """To two digits."""
    return round(items, 2 - len(str(items)))


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"
