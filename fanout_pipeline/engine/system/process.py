"""One process as others see it: whether it still is the same one, and how it ended.

Imports little at the top: trials and steps use it as they start.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

FOREIGN_SIGNALS = {
    getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that programs do not send to themselves."""
_PR_SET_PDEATHSIG = 1


def start_time(pid: int) -> str | None:
    """When a process started, which tells it from a later one with its number; None if it has ended.

    Setting the clock does not change it: Linux counts from the boot. (psutil makes a time of day of that.)
    """
    if os.path.exists("/proc/self/stat"):
        try:
            with open(f"/proc/{pid}/stat", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[19]
        except (FileNotFoundError, ProcessLookupError):
            return None
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def end_descriptor(pid: int) -> int | None:
    """A descriptor that is readable once a child has ended; None where the system has no such thing."""
    if sys.platform == "linux":
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def how_ended(code: int) -> str:
    """What subprocess's return code means, to follow the name of the process in a message."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"was killed by {name}" + (": out of memory?" if code == -signal.SIGKILL else "")


def end_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, even while C code holds the GIL here.

    The kernel acts when the *thread* ends that started this process. Whoever starts one for a crew, a trial
    or a Dagster step stays in the thread that started it for as long as it is needed.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent_pid:  # the parent ended before the call
            os._exit(1)
