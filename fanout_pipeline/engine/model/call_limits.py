"""Limits of all calls of a run together, as they are sent to workers."""

from __future__ import annotations

from typing import NamedTuple


class CallLimits(NamedTuple):
    """How fast, how long and how often a run may call; None sets no limit."""

    per_second: float | None = None
    burst: int = 1
    budget_seconds: float | None = None
    budget_calls: int | None = None
    run: str = ""
    """What the run's processes call it, where its generation changes its name meanwhile."""
    path: str = ""
    """The file that the run's processes share (see `calls.rate`)."""

    several_hosts: bool = False
    """Whether processes of several hosts share it: times are then of their clocks, which nearly agree."""

    @property
    def one_by_one(self) -> bool:
        """Whether each call has to ask before it is made, rather than each slice of calls."""
        return self.per_second is not None or self.budget_calls is not None
