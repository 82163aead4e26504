"""CPU time and peak memory of a process, its own or a worker's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fanout_pipeline.results.files.windows import on_windows


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What one process has used since it started."""

    pid: int
    cpu_seconds: float
    """User and system time together."""
    peak_rss_bytes: int


def own_usage() -> ProcessUsage:
    """What the calling process has used."""
    if on_windows():
        return usage_of([os.getpid()])[0]
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    # ru_maxrss is inherited through fork and exec, so a worker would show its parent's peak;
    # the kernel's high-water mark belongs to the process's own memory.
    peak = _high_water_mark("self")
    if peak is None:
        peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return ProcessUsage(os.getpid(), used.ru_utime + used.ru_stime, peak)


def reset_peak() -> None:
    """Reset the peak memory of the calling process, where the system can (Linux, see proc(5))."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def usage_of(pids: Iterable[int]) -> list[ProcessUsage]:
    """What other processes have used; those that have ended are left out."""
    import psutil

    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            # Some systems keep no high-water mark; the current size is the best guess.
            peak = _high_water_mark(str(pid)) or process.memory_info().rss
        except psutil.Error:
            continue
        found.append(ProcessUsage(pid, times.user + times.system, peak))
    return found


def resident_bytes(pid: int) -> int:
    """The current resident memory of another process; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        pass
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def memory_bytes() -> int:
    """The memory of the machine, or of the container if that has less."""
    if on_windows():
        import psutil

        return int(psutil.virtual_memory().total)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # "max"
        return physical


def _high_water_mark(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            found = file.read().partition(b"VmHWM:")[2]
    except OSError:
        return None
    return int(found.split(None, 1)[0]) * 1024 if found else None
