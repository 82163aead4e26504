"""How far the calls of this process have come, for a thread that looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fanout_pipeline.engine.timing.stopwatch import run_delay
from fanout_pipeline.sources.source import Chunk


class Look(NamedTuple):
    """The chunk that is being worked on, at one moment."""

    size: int
    """Its size in units of the source."""
    items: int
    """How many of its items are done."""
    seconds: float
    """How long it has been worked on."""
    cpu_seconds: float
    """CPU time of the thread since then."""


class Watch:
    """A recorder (see `call_log`) of one thread of this process."""

    def __init__(self, slow: Callable[[], object] = lambda: None, slow_seconds: float = 0.0):
        """`slow` is called once, before a slice of calls, when the first chunk has taken `slow_seconds`."""
        self.first_index = 0
        self._clock = time.pthread_getcpuclockid(threading.get_ident()) if _HAS_CLOCK else None
        self._thread = threading.get_native_id()
        self._begun: tuple[Chunk, float, float] | None = None
        self._calling: tuple[Any, int] = ((), 0)
        self._slow, self._slow_seconds = slow, slow_seconds
        self._told = False
        self._resting: float | None = None
        """Since when no call has been in progress."""
        self._rested = 0.0

    def begin(self, chunk: Chunk) -> None:
        self._calling = ((), 0)
        self._resting, self._rested = None, 0.0
        self._begun = chunk, time.perf_counter(), self._cpu()

    def end(self) -> None:
        self._begun = None

    def look(self) -> Look | None:
        """None between chunks. For any thread."""
        begun, (results, offset) = self._begun, self._calling
        if begun is None:
            return None
        chunk, began, cpu = begun
        done = offset + getattr(results, "given", len(results))
        resting = self._resting
        now = time.perf_counter() if resting is None else resting
        seconds = max(0.0, now - began - self._rested)
        return Look(chunk.size, max(0, done), seconds, max(0.0, self._cpu() - cpu))

    def follow(self, results: Any, first: int) -> None:
        self._calling = results, first - len(results)
        if self._resting is not None:
            self._rested += time.perf_counter() - self._resting
            self._resting = None

    def announced(self, items: Sequence[Any], first: int, slow: bool) -> Sequence[Any]:
        if (
            not self._told
            and self._begun
            and (time.perf_counter() - self._begun[1] >= self._slow_seconds)
        ):
            self._told = True
            self._slow()
        return items

    def again(self, position: int) -> None:
        return

    def rest(self) -> None:
        """No call is in progress: limits may hold the next one back, which is no time of the function."""
        if self._resting is None:
            self._resting = time.perf_counter()

    def _cpu(self) -> float:
        cpu = 0.0 if self._clock is None else time.clock_gettime(self._clock)
        return cpu + run_delay(self._thread)


_HAS_CLOCK = hasattr(time, "pthread_getcpuclockid")
