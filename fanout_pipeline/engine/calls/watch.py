"""How far the calls of this process have come, for a thread that looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from fanout_pipeline.engine.calls.cutting import Cutting
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
    is_setup: bool = False
    """Whether no call was made yet: what calls are given is being made, for so long."""


class Watch(Cutting):
    """A recorder (see `call_log`) of one thread of this process."""

    def __init__(self, slow: Callable[[], object] = lambda: None, slow_seconds: float = 0.0):
        """`slow` is called once: before setup, or before a slice of calls when the first chunk has taken `slow_seconds`."""
        super().__init__()
        self.first_index = 0
        self._clock = time.pthread_getcpuclockid(threading.get_ident()) if _HAS_CLOCK else None
        self._thread = threading.get_native_id()
        self._begun: tuple[Chunk, float, float, float] | None = None
        self._setting_up: tuple[Chunk, float, float] | None = None
        """The chunk for whose first call something is made, since when, and the CPU time then."""
        self._slow, self._slow_seconds = slow, slow_seconds
        self._told = False
        self._last = 0.0
        self._items = 0
        """Of chunks that are done."""
        self._resting: float | None = None
        """Since when limits may have held the next call back."""
        self.set_up: Callable[[float], object] = lambda seconds: None
        """What is told how long it took to make what calls are given."""

    def begin(self, chunk: Chunk, seconds: float) -> None:
        """A chunk is begun, whose calls are to take so long at most."""
        self._calling = self._resting = None
        self._begun = chunk, time.perf_counter(), self._cpu(), seconds

    def end(self, items: int) -> None:
        self._begun = None
        self._calling = None
        self._items += items

    def so_far(self) -> tuple[int, float]:
        """How many items were done, and for how long the thread had a core or waited for one. For any thread."""
        return self._items + (self.position() or 0), self._cpu()

    def follow(self, results: Any, first: int) -> None:
        """See `Cutting.follow`. What was read before the first call says nothing of how long calls take."""
        if self._calling is None and self._begun is not None:
            chunk, _, _, limit = self._begun
            self._begun = chunk, time.perf_counter(), self._cpu(), limit
        super().follow(results, first)

    def look(self) -> Look | None:
        """None unless calls are made. For any thread. A slice that takes too long is cut."""
        begun, done, setting_up = self._begun, self.position(), self._setting_up
        if setting_up is not None:
            chunk, began, cpu = setting_up
            return Look(chunk.size, 0, time.perf_counter() - began, self._cpu() - cpu, True)
        if begun is None or done is None:
            return None
        chunk, began, cpu, limit = begun
        resting = self._resting
        seconds = (time.perf_counter() if resting is None else resting) - began
        if seconds > limit:
            self.cut()
        return Look(chunk.size, done, max(0.0, seconds), max(0.0, self._cpu() - cpu))

    def announced(self, items: Sequence[Any], first: int, slow: bool) -> Sequence[Any]:
        if self._resting is not None and self._begun is not None:
            rested, self._resting = time.perf_counter() - self._resting, None
            self._begun = self._begun[0], self._begun[1] + rested, *self._begun[2:]
        if self._begun and time.perf_counter() - self._begun[1] >= self._slow_seconds:
            self._tell()
        self.sliced(items, first)
        return items

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._slow()

    def again(self, position: int) -> None:
        return

    def rest(self) -> None:
        """No call is in progress: limits may hold the next one back, which is no time of the function."""
        if self._resting is None:
            self._resting = time.perf_counter()

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """For the block, what calls are given is made: that is no part of the chunk."""
        self._tell()
        begun, self._begun = self._begun, None
        began, cpu = time.perf_counter(), self._cpu()
        self._setting_up = None if begun is None else (begun[0], began, cpu)
        try:
            yield
        finally:
            self._setting_up = None
            took = time.perf_counter() - began
            self.set_up(took)
            if begun is not None:
                self._begun = begun[0], begun[1] + took, begun[2] + self._cpu() - cpu, begun[3]

    def _cpu(self) -> float:
        """CPU time of the thread, and time in which it was ready to run."""
        with suppress(OSError):  # once the thread has ended
            cpu = 0.0 if self._clock is None else time.clock_gettime(self._clock)
            self._last = cpu + run_delay(self._thread)
        return self._last


_HAS_CLOCK = hasattr(time, "pthread_getcpuclockid")
