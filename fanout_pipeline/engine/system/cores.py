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
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, read = root, _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / controllers, _quota_v1
            if not base.is_dir():  # the kernel's order of names is not always the mount's
                base = root / "cpu"
        else:
            continue
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(base):
                break
            quotas.append(read(folder))
    return min((quota for quota in quotas if quota), default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return None if quota < 0 else quota / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _requested() -> int | None:
    text = os.environ.get("FANOUT_WORKERS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"FANOUT_WORKERS must be a whole number, at least 1, not {text!r}")
    return int(text)
