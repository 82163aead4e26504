"""Where the time of one chunk went, lap by lap."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout_pipeline.results.store.manifest import PartRecord


def run_delay(thread: int | None = None) -> float:
    """How long a thread of this process was ready to run and had no core; 0 where nobody says that.

    `thread`: its native id; None: the calling one.
    """
    path = "/proc/thread-self" if thread is None else f"/proc/self/task/{thread}"
    try:
        with open(f"{path}/schedstat", "rb", buffering=0) as file:
            return int(file.read(100).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class Stopwatch:
    """Wall and CPU seconds of a chunk from each lap's end to the next, by the names of phases."""

    def __init__(self) -> None:
        self._wall: defaultdict[str, float] = defaultdict(float)
        self._cpu: defaultdict[str, float] = defaultdict(float)
        self.import_seconds = 0.0
        """Import time excluded in total."""
        self._lap_import_seconds = 0.0
        """Import time excluded from the current lap."""
        self._wait_seconds = self._lap_wait_seconds = 0.0
        self._elsewhere_cpu = 0.0
        self.began = self.ended = time.perf_counter()
        self._delay = run_delay()
        self._ended_cpu = time.thread_time()

    def end(self, phase: str) -> None:
        """End a lap: all time since the last lap's end was this phase, except for imports."""
        cpu, now = time.thread_time() + self._elsewhere_cpu, time.perf_counter()
        imported = self._lap_import_seconds
        self._wall[phase] += max(0.0, now - self.ended - imported - self._lap_wait_seconds)
        self._cpu[phase] += max(0.0, cpu - self._ended_cpu - imported)
        self.ended, self._ended_cpu = now, cpu
        self._lap_import_seconds = self._lap_wait_seconds = 0.0

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Exclude the block, which imports something, from the current lap."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self._lap_import_seconds += seconds
            self.import_seconds += seconds

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Exclude the block, in which limits hold calls back, from the current lap's wall time."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self._lap_wait_seconds += seconds
            self._wait_seconds += seconds

    def spent_elsewhere(self, cpu_seconds: float) -> None:
        """Add CPU time to the current lap that another thread used on behalf of this one."""
        self._elsewhere_cpu += cpu_seconds

    def timed(self, part: PartRecord) -> PartRecord:
        """The part just written, with its times.

        By now its items and results have been freed, a lap's worth of time if they are Python objects.
        """
        # A thread that waits for a core computes, as far as its function is concerned.
        cpu_seconds = self._cpu["call"] + run_delay() - self._delay
        self.end("write")
        return replace(
            part,
            read_seconds=self._wall["read"],
            call_seconds=self._wall["call"],
            write_seconds=self._wall["write"],
            call_cpu_seconds=min(cpu_seconds, max(self._wall["call"], self._cpu["call"])),
            wait_seconds=self._wait_seconds,
        )
