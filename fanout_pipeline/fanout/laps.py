"""Where the time of one chunk went, lap by lap."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TypeVar

from fanout_pipeline.fanout.handing_back import HandedBack
from fanout_pipeline.parts.manifest import PartRecord

Told = TypeVar("Told", bound=PartRecord | HandedBack)
"""What tells of a chunk's part, written or not yet."""


class Laps:
    """Wall and CPU seconds of a chunk from each lap's end to the next, by the names of phases."""

    def __init__(self) -> None:
        self._wall: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        self._ended_cpu = time.thread_time()
        self.began = self.ended = time.perf_counter()

    def end(self, phase: str, imports: float = 0.0) -> None:
        """All since the last lap's end was this phase, but for so many seconds of imports."""
        cpu, now = time.thread_time(), time.perf_counter()
        self._wall[phase], self.ended = max(0.0, now - self.ended - imports), now
        self._cpu[phase], self._ended_cpu = max(0.0, cpu - self._ended_cpu - imports), cpu

    def timed(self, part: Told, imports: float = 0.0) -> Told:
        """The part just written or to be handed back, with its times.

        By now its items and results have been given back, a lap's worth of time if they are
        Python objects.
        """
        self.end("write", imports)
        return replace(
            part,
            read_seconds=self._wall["read"],
            call_seconds=self._wall["call"],
            write_seconds=self._wall["write"],
            wait_seconds=self._wall["wait"],
            call_cpu_seconds=self._cpu["call"],
        )
