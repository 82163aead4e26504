"""What else the machine was doing, as far as it can be read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fanout_pipeline.engine.system.cores import CGROUP


@dataclass(frozen=True, slots=True)
class Conditions:
    """At one moment."""

    load: float | None
    """Runnable processes, the mean of about the last minute; None where it cannot be read."""
    throttled_seconds: float | None
    """For how long the cgroup's quota has held its processes back, ever."""


def conditions(cgroup: Path = CGROUP) -> Conditions:
    """Read them; a few system calls."""
    try:
        load: float | None = os.getloadavg()[0]
    except OSError:
        load = None
    return Conditions(load, _throttled(cgroup))


def _throttled(cgroup: Path) -> float | None:
    for file, unit in (("cpu.stat", 1e6), ("cpu/cpu.stat", 1e9)):
        try:
            lines = (cgroup / file).read_text().split()
        except OSError:
            continue
        found = dict(zip(lines[::2], lines[1::2], strict=False))
        for name in ("throttled_usec", "throttled_time"):
            if name in found:
                return int(found[name]) / unit
    return None
