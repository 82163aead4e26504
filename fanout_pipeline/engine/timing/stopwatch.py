"""Where the time of one chunk went, lap by lap."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol, TypeVar


class Timed(Protocol):
    """A record of a chunk's results, with the seconds that each phase took."""

    @property
    def read_seconds(self) -> float: ...

    @property
    def call_seconds(self) -> float: ...

    @property
    def write_seconds(self) -> float: ...


AnyTimed = TypeVar("AnyTimed", bound=Timed)


class Stopwatch:
    """Wall and CPU seconds of a chunk from each lap's end to the next, by the names of phases."""

    def __init__(self) -> None:
        self._wall: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        self.import_seconds = 0.0
        """Left out of all laps,"""
        self._left_out = 0.0
        """and of this one."""
        self._elsewhere_cpu = 0.0
        self._ended_cpu = time.thread_time()
        self.began = self.ended = time.perf_counter()

    def end(self, phase: str) -> None:
        """All since the last lap's end was this phase, but for imports."""
        cpu, now = time.thread_time() + self._elsewhere_cpu, time.perf_counter()
        self._wall[phase], self.ended = max(0.0, now - self.ended - self._left_out), now
        self._cpu[phase], self._ended_cpu = max(0.0, cpu - self._ended_cpu - self._left_out), cpu
        self._left_out = 0.0

    def imported(self, seconds: float) -> None:
        """So much of this lap was an import, which is told apart."""
        self._left_out += seconds
        self.import_seconds += seconds

    def spent_elsewhere(self, cpu_seconds: float) -> None:
        """So much CPU time of this lap was another thread's, on behalf of this one."""
        self._elsewhere_cpu += cpu_seconds

    def timed(self, part: AnyTimed) -> AnyTimed:
        """The part just written or to be handed back, with its times.

        By now its items and results have been given back, a lap's worth of time if they are
        Python objects.
        """
        self.end("write")
        return replace(  # type: ignore[type-var]
            part,
            read_seconds=self._wall["read"],
            call_seconds=self._wall["call"],
            write_seconds=self._wall["write"],
            call_cpu_seconds=self._cpu["call"],
        )
