"""How much of the machine other programs took while something was measured."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
"""What a core does when it is not idle; `steal` is what other virtual machines took of it."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds up to one moment."""

    at: float
    """The moment, by a clock that is never set."""
    busy: float
    """Of all programs, on the cores that this process may use."""
    own: float
    """Of this process and all that it has started."""
    cores: int

    @classmethod
    def now(cls) -> Self:
        usable = _usable_cores()
        found = psutil.cpu_times(percpu=True)
        times = [one for number, one in enumerate(found) if usable is None or number in usable]
        busy = sum(getattr(one, name, 0.0) for one in times for name in _BUSY)
        return cls(time.monotonic(), busy, _own_seconds(), len(times) or 1)

    def others_until(self, later: CpuTimes) -> float:
        """The share of the cores, from 0 to 1, that other programs took between this moment and a later one."""
        seconds = (later.at - self.at) * self.cores
        others = (later.busy - self.busy) - (later.own - self.own)
        return min(1.0, max(0.0, others / seconds)) if seconds > 0 else 0.0


def _usable_cores() -> set[int] | None:
    """The numbers of the cores that this process may use; None where the system does not tell."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _own_seconds() -> float:
    """Those that have ended are counted by the process that has waited for them."""
    this, total = psutil.Process(), 0.0
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
