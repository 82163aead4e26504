"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Cores:
    """The limits on the number of workers."""

    affinity: int
    """The number of cores that the scheduler lets this process run on."""
    quota: float | None
    """The CPU time that the cgroup grants, in cores; None where it sets no limit."""
    requested: int | None
    """The environment variable FANOUT_WORKERS; None where it is not set."""

    @property
    def effective(self) -> int:
        """The smallest limit, at least 1. A fractional quota is rounded up, as it limits time, not cores."""
        limits = [self.affinity, self.requested, self.quota and math.ceil(self.quota)]
        return max(1, min(limit for limit in limits if limit))


def measured_cores() -> Cores:
    """Read the limits. Raises ValueError where FANOUT_WORKERS is not a whole number from 1 on."""
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    else:
        affinity = os.cpu_count() or 1
    return Cores(affinity, cgroup_quota(), _requested())


def effective_cores() -> int:
    """The default number of workers, at least 1."""
    return measured_cores().effective


def cgroup_quota(root: Path = CGROUP, membership: Path = Path("/proc/self/cgroup")) -> float | None:
    """The smallest CPU quota of this process's cgroup and those above it, in cores."""
    try:
        lines = _text(str(membership)).splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, read = str(root), _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = f"{root}/{controllers}", _quota_v1
            if not os.path.isdir(base):  # the kernel's order of names is not always the mount's
                base = f"{root}/cpu"
        else:
            continue
        group = path.strip("/")
        while group:
            quotas.append(read(f"{base}/{group}"))
            group = group.rpartition("/")[0]
        quotas.append(read(base))
    return min((quota for quota in quotas if quota), default=None)


def _quota_v2(folder: str) -> float | None:
    try:
        quota, period = _text(f"{folder}/cpu.max").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: str) -> float | None:
    try:
        quota = int(_text(f"{folder}/cpu.cfs_quota_us"))
        return None if quota < 0 else quota / int(_text(f"{folder}/cpu.cfs_period_us"))
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _text(path: str) -> str:
    """All of a small file, in a third of the time that Path.read_text takes: each call of `fan_out` asks."""
    with open(path, "rb", buffering=0) as file:
        return file.read().decode()


def _requested() -> int | None:
    text = os.environ.get("FANOUT_WORKERS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"FANOUT_WORKERS must be a whole number, at least 1, not {text!r}")
    return int(text)
