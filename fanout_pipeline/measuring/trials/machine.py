"""What a measurement was made on: the machine, and what else it was doing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from fanout_pipeline.engine.system.blas_threads import thread_variables
from fanout_pipeline.engine.system.cores import CGROUP, measured_cores

_PACKAGES = ("dagster", "numpy", "pandas", "pyarrow", "scipy")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_THROTTLED = (("cpu.stat", "throttled_usec", 1e6), ("cpu/cpu.stat", "throttled_time", 1e9))
"""File, field and unit (a second's parts) in version 2 and 1 of cgroups."""


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """What the machine was doing at one moment."""

    load: float | None
    """The mean number of runnable processes over about a minute; None where it cannot be read."""
    throttled_seconds: float | None
    """How long the cgroup's quota has held its processes back since it was made."""

    def throttled_until(self, later: MachineLoad) -> float | None:
        """How long the quota has held processes back between this moment and a later one."""
        if self.throttled_seconds is None or later.throttled_seconds is None:
            return None
        return later.throttled_seconds - self.throttled_seconds


def machine_load(cgroup: Path = CGROUP) -> MachineLoad:
    """The load of this moment; reading it takes a few system calls."""
    try:
        load: float | None = os.getloadavg()[0]
    except OSError:
        load = None
    for file, field, unit in _THROTTLED:
        words = (_text(cgroup / file) or "").split()
        if field in words:
            return MachineLoad(load, int(words[words.index(field) + 1]) / unit)
    return MachineLoad(load, None)


def machine_record() -> dict[str, Any]:
    """CPU model, frequency governor, cores and their limits, memory in bytes, versions.

    Includes the environment variables that decide how linear algebra adds up.
    """
    cores = measured_cores()
    return {
        "cpu": _cpu_model(),
        "effective_cores": cores.effective,
        "affinity": cores.affinity,
        "cgroup_quota": cores.quota,
        "fanout_workers": cores.requested,
        "memory_bytes": psutil.virtual_memory().total,
        "os": platform.platform(),
        "python": platform.python_version(),
        "governor": _text(_GOVERNOR),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "numeric_environment": thread_variables(),
    }


def machine_sentence(record: dict[str, Any]) -> str:
    """The record in one line for a report."""
    memory = record["memory_bytes"] / 2**30
    packages = ", ".join(f"{name} {number}" for name, number in record["packages"].items())
    numeric = record.get("numeric_environment", {})  # Earlier records have none.
    variables = "".join(f", {name}={value}" for name, value in numeric.items())
    return (
        f"{record['cpu']}, {record['effective_cores']} effective cores, {memory:.0f} GiB, "
        f"{record['os']}, Python {record['python']}, {packages}{variables}"
    )


def _cpu_model() -> str:
    text = _text(Path("/proc/cpuinfo"))
    if text is None:
        return platform.processor() or platform.machine()
    lines = text.splitlines()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
