"""How many records of `logging` are let through."""

from __future__ import annotations

import time
from collections.abc import Callable

A_SECOND = 10
"""Of each level, so that many of one do not hide the few of another. Writing one to Dagster's event log takes
11 ms on SQLite, 21 on a busy machine."""
_LEVELS = 6


class LogQuota:
    """So many of each level in a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._ends = clock()
        self._taken = [0] * _LEVELS

    def takes(self, level: int) -> bool:
        """Whether one more record of the level is within the quota."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + 1
            self._taken = [0] * _LEVELS
        # From NOTSET to CRITICAL in tens; levels of one's own are near one of them.
        which = min(max(level // 10, 0), _LEVELS - 1)
        self._taken[which] += 1
        return self._taken[which] <= A_SECOND
