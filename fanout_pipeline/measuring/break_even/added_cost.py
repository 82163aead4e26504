"""The user's function with more work an item: a burn of CPU time, or a wait.

A burn is a number of empty loops, found once by calibration, and not a look at the clock: so it is
the same work whoever does it, on a core of its own or on one that is shared. Worker processes
import this module, so it imports little.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

_CALIBRATING_LOOPS = 20_000
_CALIBRATING_TRIES = 15
_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Cost:
    """What is added to the function's own time, for each item."""

    seconds: float = 0.0
    waits: bool = False
    """It sleeps, which leaves the core and the GIL to others; else it computes in Python."""

    @property
    def name(self) -> str:
        if not self.seconds:
            return AS_IT_IS
        return f"{'wait' if self.waits else 'burn'} {seconds_text(self.seconds)}"

    @classmethod
    def parsed(cls, text: str) -> Cost:
        """Of "as it is", "burn 10 us", "wait 1 ms". Raises ValueError that says what is allowed."""
        words = text.split()
        if text == AS_IT_IS:
            return cls()
        try:
            kind, number, unit = words
            seconds = float(number) * _UNITS[unit]
            if kind in ("burn", "wait") and 0 < seconds <= 60:
                return cls(seconds, kind == "wait")
        except (ValueError, KeyError):
            pass
        raise ValueError(f'must be "{AS_IT_IS}", or like "burn 10 us" or "wait 1 ms", not {text!r}')


AS_IT_IS = "as it is"


def seconds_text(seconds: float) -> str:
    """A short time with a unit that suits it: "10 µs"."""
    if seconds >= 100:
        return f"{seconds:,.0f} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.2g} µs"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How quick this machine's interpreter is at burning."""

    loops_per_second: float
    call_seconds: float
    """What a burden of no loops takes."""

    def loops(self, cost: Cost) -> int:
        """How many loops burn so long."""
        return max(1, round((cost.seconds - self.call_seconds) * self.loops_per_second))


@dataclass(frozen=True, slots=True)
class Burdened:
    """Calls `function`, then burns or waits, and gives the function's result."""

    function: Callable[[Any], Any]
    cost: Cost
    loops: int
    """Of a burn; the same for every strategy, so that all do the same work."""

    def __call__(self, item: Any) -> Any:
        result = self.function(item)
        if self.cost.waits:
            time.sleep(self.cost.seconds)
        else:
            for _ in repeat(None, self.loops):
                pass
        return result


@dataclass(frozen=True, slots=True)
class AsyncBurdened:
    """The same for an async function: a wait leaves the event loop to other calls."""

    function: Callable[[Any], Awaitable[Any]]
    cost: Cost
    loops: int

    async def __call__(self, item: Any) -> Any:
        import asyncio  # here, where it is imported already

        result = await self.function(item)
        if self.cost.waits:
            await asyncio.sleep(self.cost.seconds)
        else:
            for _ in repeat(None, self.loops):
                pass
        return result


def calibrate(clock: Callable[[], float] = time.perf_counter) -> Calibration:
    """Measure burdens of no loops and of many; the quickest try of each, which was disturbed least."""
    empty, full = math.inf, math.inf
    plain = math.inf
    for _ in range(_CALIBRATING_TRIES):
        plain = min(plain, _timed(_same, 1000, clock))
        empty = min(empty, _timed(Burdened(_same, Cost(), 0), 1000, clock))
        full = min(full, _timed(Burdened(_same, Cost(), _CALIBRATING_LOOPS), 5, clock))
    seconds_a_loop = max(full - empty, 1e-12) / _CALIBRATING_LOOPS
    return Calibration(1 / seconds_a_loop, max(0.0, empty - plain))


def _timed(function: Callable[[Any], Any], times: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in repeat(None, times):
        function(0)
    return (clock() - began) / times


def _same(item: Any) -> Any:
    return item
