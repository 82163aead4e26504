"""A worker's process together with its guard (see `guard`), seen from the process that started them.

What is started is the guard. To end the worker is to terminate the guard; when the guard has ended, so have the
worker and everything that the worker has started.
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
from fanout_pipeline.engine.system.process import end_descriptor, how_ended
from fanout_pipeline.engine.system.usage import ProcessUsage, resident_bytes, usage_of

_END_SECONDS = 5.0
_STACK_SECONDS = 0.2
_POLL_SECONDS = 0.002


class GuardedProcess:
    """Must be waited for in the end, whatever happens."""

    def __init__(
        self,
        program: str,
        channel: int,
        call_log: CallLog,
        environment: Mapping[str, str],
        folder: str | None = None,
    ):
        """Start a Python program that inherits the channel's and the call log's descriptors.

        In the program, `used` is what `guarded` returns.
        """
        guard = (
            "from fanout_pipeline.engine.workers.guard import guarded\n"
            f"used = guarded({channel}, {call_log.descriptor}, {STATUS_AT}, {int(ASK_FOR_STACK)})\n"
        )
        self._guard = subprocess.Popen(
            command(guard + program),
            stdin=subprocess.DEVNULL,
            pass_fds=[channel, call_log.descriptor],
            env=environment,
            cwd=folder,
        )
        self.call_log = call_log
        self.pid = self._guard.pid
        """Process id of the guard, and of the worker once that has answered."""
        self.end = end_descriptor(self._guard.pid)
        """A descriptor that becomes readable when the guard ends; None where the system has no such thing."""
        self.code: int | None = None
        """Exit code as in `subprocess`; None while the process runs."""
        self._cpu_seconds_before = 0.0
        self._resident_bytes = 0
        self._used: ProcessUsage | None = None

    def identified(self, pid: int, cpu_seconds: float) -> None:
        """Note the worker's own process id, and the CPU time used before it was a process of its own."""
        self.pid, self._cpu_seconds_before = pid, cpu_seconds

    def usage(self) -> list[ProcessUsage]:
        """What the worker uses, or has used; empty where that is not known."""
        if self._used:
            return [self._used]
        return [
            replace(used, cpu_seconds=used.cpu_seconds + self._cpu_seconds_before)
            for used in usage_of([self.pid])
        ]

    def resident_bytes(self) -> int:
        """The worker's memory now. The last figure is kept for `usage`, as the system forgets it."""
        self._resident_bytes = resident_bytes(self.pid)
        return self._resident_bytes

    def kill(self) -> None:
        """End the worker, without waiting for its end."""
        self._guard.terminate()
        self._guard.send_signal(signal.SIGCONT)  # It may have been stopped.

    def ask_for_stack(self) -> None:
        """Have the worker write its stack to the call log; returns when it is there, or after a moment."""
        self._guard.send_signal(ASK_FOR_STACK)
        deadline = time.monotonic() + _STACK_SECONDS
        while not self.call_log.stack() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        time.sleep(_POLL_SECONDS)  # It is written in pieces.

    def has_ended(self) -> bool:
        """Whether the process has ended, such as one that was killed while it was idle."""
        return self.wait(0)

    def ended(self) -> str:
        """Wait for a process whose channel has ended; how it ended, in words."""
        if self.wait():
            return how_ended(self.code or 0)
        self.kill()
        self.wait()
        return "closed its connection to this process"

    def wait(self, seconds: float = _END_SECONDS) -> bool:
        """Whether the process ends within this time."""
        deadline = time.monotonic() + seconds
        while self.code is None:
            try:
                # Not Popen.wait, which drops the usage of the process and of all that it has waited for.
                pid, status, used = os.wait4(self._guard.pid, os.WNOHANG)
            except ChildProcessError:  # Somebody else has waited for it.
                self._set_code(self._guard.wait())
                break
            if pid:
                self._guard.returncode = os.waitstatus_to_exitcode(status)
                cpu_seconds = used.ru_utime + used.ru_stime
                self._used = ProcessUsage(self.pid, cpu_seconds, self._resident_bytes)
                self._set_code(self._guard.returncode)
            elif time.monotonic() >= deadline:
                return False
            else:
                time.sleep(_POLL_SECONDS)
        return True

    def _set_code(self, guards_code: int) -> None:
        self.code = self.call_log.exit_code
        if self.code is None:
            # The guard was killed, and the worker with it. What is left in its process group still runs.
            self.code = guards_code
            if self.pid != self._guard.pid:
                with suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
