"""The user's function with a cost added to each item: a burn of CPU time, or a wait.

A burn is a number of empty loops, found once by calibration, and not a look at the clock: so it is the
same work whoever does it, on a core of its own or on one that is shared. Worker processes import this
module, so it imports little.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from fanout_pipeline.measuring.formatting import duration

AS_IT_IS = "as it is"
_CALIBRATION_LOOPS = 20_000
_CALIBRATION_TRIES = 15
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Cost:
    """What is added to the function's own time, for each item."""

    seconds: float = 0.0
    waits: bool = False
    """True: a sleep, which leaves the core and the GIL to others. False: computing in Python."""

    @property
    def name(self) -> str:
        if not self.seconds:
            return AS_IT_IS
        return f"{'wait' if self.waits else 'burn'} {duration(self.seconds)}"

    @classmethod
    def parsed(cls, text: str) -> Cost:
        """From "as it is", "burn 10 us", "wait 1 ms". Raises ValueError that says what is allowed."""
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


@dataclass(frozen=True, slots=True)
class Calibration:
    """How fast this machine's interpreter burns."""

    loops_per_second: float
    call_seconds: float
    """How long an added cost of no loops takes."""

    def loops(self, cost: Cost) -> int:
        """How many loops burn for this cost."""
        return max(1, round((cost.seconds - self.call_seconds) * self.loops_per_second))


@dataclass(frozen=True, slots=True)
class CostlierFunction:
    """Calls `function`, then burns or waits, and gives the function's result."""

    function: Callable[..., Any]
    cost: Cost
    loops: int
    """How many loops a burn takes; the same for every strategy, so that all do the same work."""

    def __call__(self, *given: Any) -> Any:
        result = self.function(*given)
        if self.cost.waits:
            time.sleep(self.cost.seconds)
        else:
            for _ in repeat(None, self.loops):
                pass
        return result


@dataclass(frozen=True, slots=True)
class CostlierAsyncFunction:
    """The same for an async function; a wait leaves the event loop to other calls."""

    function: Callable[..., Awaitable[Any]]
    cost: Cost
    loops: int

    async def __call__(self, *given: Any) -> Any:
        import asyncio  # here, where it is imported already

        result = await self.function(*given)
        if self.cost.waits:
            await asyncio.sleep(self.cost.seconds)
        else:
            for _ in repeat(None, self.loops):
                pass
        return result


def calibrate(clock: Callable[[], float] = time.perf_counter) -> Calibration:
    """Measure added costs of no loops and of many; the fastest try of each was disturbed least."""
    plain, empty, full = math.inf, math.inf, math.inf
    for _ in range(_CALIBRATION_TRIES):
        plain = min(plain, _timed(_same, 1000, clock))
        empty = min(empty, _timed(CostlierFunction(_same, Cost(), 0), 1000, clock))
        full = min(full, _timed(CostlierFunction(_same, Cost(), _CALIBRATION_LOOPS), 5, clock))
    seconds_per_loop = max(full - empty, 1e-12) / _CALIBRATION_LOOPS
    return Calibration(1 / seconds_per_loop, max(0.0, empty - plain))


def _timed(function: Callable[..., Any], times: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in repeat(None, times):
        function(0)
    return (clock() - began) / times


def _same(item: Any) -> Any:
    return item
