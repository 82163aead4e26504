"""What a measurement was made on, so that two of them can be told apart later."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from fanout_pipeline.engine.system.blas_threads import thread_variables
from fanout_pipeline.engine.system.cores import measured_cores

_PACKAGES = ("dagster", "numpy", "pandas", "pyarrow", "scipy")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def machine_record() -> dict[str, Any]:
    """CPU model, frequency governor, cores and the limits on them, memory in bytes, versions.

    And the environment variables that decide how linear algebra sums in what is measured.
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
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
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
