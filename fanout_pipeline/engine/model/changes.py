"""Which items a run with a key calls, and what it found to have changed since the results before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Which = Literal["changed", "failed", "missing", "all"]
Removed = Literal["drop", "keep"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run with a key is asked to do. Raises ValueError for what is none of the choices."""

    items: Which = "changed"
    """Which items are called: new ones are in any case. With `changed` those whose content or function has changed
    and those that failed; with `failed` those that failed; with `missing` no others; with `all` every one."""
    removed: Removed = "drop"
    """What becomes of results whose items are no longer in the input: they go (`drop`), or stay after all others."""

    def __post_init__(self) -> None:
        for name, choices in (("items", Which), ("removed", Removed)):
            allowed, value = get_args(choices), getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Changes:
    """How the input of a run with a key differs from what the results before were made of, in items."""

    new: int
    """Items whose key had no result before."""
    changed: int
    """Items of a known key whose content has changed."""
    unchanged: int
    """Items of a known key and content whose results were good."""
    failed: int
    """Items of a known key and content that had failed."""
    removed: int
    """Results whose items are no longer in the input."""
    called: int
    """Items that the function was called with."""
    saved_seconds: float
    """How long the calls took that were not made again, when they were made."""
    because: tuple[str, ...] = ()
    """What has changed that all results depend on, such as "the function"; empty where nothing has."""

    @property
    def saved_calls(self) -> int:
        """Items in the input that kept what they had."""
        return self.new + self.changed + self.unchanged + self.failed - self.called

    @property
    def sentence(self) -> str:
        """What was called and what was saved: "12 of 900 items called (10 new, 2 changed); 888 kept, which …"."""
        items = self.called + self.saved_calls
        found = {"new": self.new, "changed": self.changed, "failed before": self.failed}
        counts = ", ".join(f"{count:,} {word}" for word, count in found.items() if count)
        parts = [f"{self.called:,} of {items:,} items called"]
        if sum(found.values()) == self.called:
            parts[0] += f" ({counts})" if counts else ""
        elif counts:
            parts.append(f"{counts}, among all of them")
        if self.because:
            parts.append(f"{' and '.join(self.because)} changed since")
        if self.saved_calls:
            kept = f"{self.saved_calls:,} kept"
            parts.append(kept + f", which took {_long(self.saved_seconds)} when they were called")
        if self.removed:
            parts.append(f"{self.removed:,} no longer in the input")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """All of it by names, for metadata."""
        return {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "failed_before": self.failed,
            "removed": self.removed,
            "called": self.called,
            "saved_calls": self.saved_calls,
            "saved_seconds": round(self.saved_seconds, 3),
            "because": list(self.because),
        }


def _long(seconds: float) -> str:
    """A time that may be one of hours, in its two largest units: "1 h 32 min", "4 min 10 s", "0.05 s"."""
    if seconds < 59.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
