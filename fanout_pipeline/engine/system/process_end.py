"""How a process has ended, a descriptor that tells when, and how one ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import suppress

# Programs do not raise these themselves.
FOREIGN_SIGNALS = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}
_PR_SET_PDEATHSIG = 1


def end_of(pid: int) -> int | None:
    """A descriptor that is readable once a child has ended; None where there is no such thing."""
    if sys.platform == "linux":
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def how_ended(code: int) -> str:
    """What an exit code, as subprocess gives it, says, for messages that begin with the process."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"was killed by {name}" + (": out of memory?" if code == -signal.SIGKILL else "")


def end_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, whatever holds the GIL here by then.

    It acts when the *thread* ends that started this process. Strategies, trials, sweeps and Dagster's
    steps start a crew, run it and stop it in one thread (see `worker_processes`); the step server has
    no other.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent_pid:  # it was too late for that
            os._exit(1)


def exit_after_parent() -> None:
    """Wait for the end of the process that started this one through multiprocessing, then exit."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
