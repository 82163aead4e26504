"""How a process has ended, and a descriptor that tells when."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

# Programs do not raise these themselves.
FOREIGN_SIGNALS = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}


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
