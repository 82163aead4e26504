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

    def as_dict(self) -> dict[str, Any]:
        """All of it by names, for metadata."""
        names = ("new", "changed", "unchanged", "failed", "removed", "called", "saved_calls")
        return {name: getattr(self, name) for name in names} | {
            "saved_seconds": round(self.saved_seconds, 3)
        }
