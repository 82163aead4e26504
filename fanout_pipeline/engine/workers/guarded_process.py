"""A worker's process with its guard (see `guard`), seen from who has started them: ended, and how it ended.

What is started is the guard. Whoever asks for the worker's end asks it, and when it has ended, so have the
worker and all that the worker has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from fanout_pipeline.engine.calls.call_log import ASK_FOR_STACK, STATUS_AT, CallLog
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.engine.system.process import end_descriptor
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of

_LOOK_SECONDS = 0.002


class GuardedProcess:
    """In the end it must be waited for. `pid` is the guard's until the worker has told its own."""

    def __init__(self, program: str, channel: int, box: CallLog, environment: Mapping[str, str]):
        """Start a Python program that has the two descriptors; what is put before it makes it a guard.

        In the program, `used` is what `guarded` gives.
        """
        guard = (
            "from fanout_pipeline.engine.workers.guard import guarded\n"
            f"used = guarded({channel}, {box.descriptor}, {STATUS_AT}, {int(ASK_FOR_STACK)})\n"
        )
        self._guard = subprocess.Popen(
            command(guard + program),
            stdin=subprocess.DEVNULL,
            pass_fds=[channel, box.descriptor],
            env=environment,
        )
        self._box = box
        self.pid = self._guard.pid
        self.end = end_descriptor(self._guard.pid)
        """A descriptor that is readable once it has ended; None where there is no such thing."""
        self.code: int | None = None
        """How it has ended, as `subprocess` has it; None: it has not yet."""
        self._cpu_seconds = 0.0
        self._used: ProcessUsage | None = None

    def worker_is(self, pid: int, cpu_seconds: float) -> None:
        """The worker has told its process id, and what was used before it was a process."""
        self.pid, self._cpu_seconds = pid, cpu_seconds

    def kill(self) -> None:
        self._guard.terminate()
        self._guard.send_signal(signal.SIGCONT)  # It may have been stopped.

    def ask_for_stack(self) -> None:
        self._guard.send_signal(ASK_FOR_STACK)

    def usage(self) -> list[ProcessUsage]:
        """What it uses, or has used; nothing where that is not known."""
        if self._used:
            return [self._used]
        return [
            replace(used, cpu_seconds=used.cpu_seconds + self._cpu_seconds)
            for used in usage_of([self.pid])
        ]

    def wait(self, seconds: float, resident_bytes: int) -> bool:
        """Whether it ends within so long; the memory is the worker's, as it was seen last."""
        deadline = time.monotonic() + seconds
        while self.code is None:
            try:
                # Not Popen.wait, to keep what it has used, with all that it has waited for.
                pid, status, used = os.wait4(self._guard.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it
                self._ended(self._guard.wait())
                break
            if pid:
                self._guard.returncode = os.waitstatus_to_exitcode(status)
                cpu_seconds = used.ru_utime + used.ru_stime
                self._used = ProcessUsage(self.pid, cpu_seconds, resident_bytes)
                self._ended(self._guard.returncode)
            elif time.monotonic() >= deadline:
                return False
            else:
                time.sleep(_LOOK_SECONDS)
        return True

    def _ended(self, guards_code: int) -> None:
        self.code = self._box.exit_code
        if self.code is None:
            # The guard was killed, and the worker with it. What has stayed in its group is there still.
            self.code = guards_code
            if self.pid != self._guard.pid:
                with suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
