"""The process between a run and its worker: whatever the worker has started ends with the worker.

    run --Popen--> guard --fork--> worker --> programs that the function starts, and theirs
     |               |                |
     | terminates it, or dies ------> | is killed
     |               | <-------- ends, however it does
     |               | kills what it has left, until nothing is
     | <-- how the worker ended, in its call log

On Linux orphans become the guard's children (PR_SET_CHILD_SUBREAPER), so that nothing escapes it: no program
with another session, group or environment, no daemon. Elsewhere it knows what has stayed in the worker's
process group. It has a session of its own, and so outlives a run that is killed with its whole process group.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SPAWNED_BY = "FANOUT_SPAWNED_BY"
_SWEEP_SECONDS = 2.0
"""A process that has not ended by then (another user's, or one in the middle of a system call) is left alone."""
_POLL_SECONDS = 0.001


def guarded(channel: int, call_log: int, status_offset: int, relayed: int) -> float:
    """Fork, and return in the worker only; the process that was started stays behind as its guard.

    Returns the seconds of CPU time that the interpreter had used before it became the worker. `channel` and
    `call_log` are the worker's file descriptors; at `status_offset` of the call log the guard writes how the
    worker ended. The guard passes the signal `relayed` on to the worker.
    """
    if spawned_by := os.environ.pop(_SPAWNED_BY, None):
        _become_worker(int(spawned_by))
        return 0.0
    parent, guard = os.getppid(), os.getpid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # It acts when the *thread* that started us ends. Strategies, trials, sweeps and Dagster's steps
    # start a crew, run it and stop it in one thread (see `worker_processes`).
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It ended before that was set.
        os._exit(1)
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, relayed}
    # Where it is ignored, as after a shell's `trap '' CHLD`, there would be no status.
    ignored = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    used = time.process_time()
    if _has_threads():
        environment = os.environ | {_SPAWNED_BY: str(guard)}
        worker = os.posix_spawn(sys.executable, sys.orig_argv, environment, setsigmask=before)
    else:
        worker = os.fork()
    if not worker:
        signal.signal(signal.SIGCHLD, ignored)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _become_worker(guard)
        return used
    os.close(channel)
    os.setsid()
    status = _watch(worker, watched, relayed)
    _sweep(worker)
    os.pwrite(call_log, status.to_bytes(8, sys.byteorder), status_offset)
    os._exit(0)


def _become_worker(guard: int) -> None:
    """Give the worker a session, and so a process group, of its own; it ends with its guard."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(1)


def _has_threads() -> bool:
    """Whether a `sitecustomize` or the like has started threads: such a process may not be forked."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/task")) > 1
    return "threading" in sys.modules and sys.modules["threading"].active_count() > 1


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value))


def _watch(worker: int, watched: set[int], relayed: int) -> int:
    """Wait until the worker ends, and kill it when we are terminated or our parent dies; its wait status."""
    while True:
        received = signal.sigwait(watched)
        if received == signal.SIGCHLD:
            if (status := _reap(worker)) is not None:
                return status
        elif received == signal.SIGTERM:
            os.kill(worker, signal.SIGKILL)
        elif received == relayed:
            os.kill(worker, relayed)


def _reap(worker: int) -> int | None:
    """Wait for children that have ended, orphans too, up to the worker; its status, if it is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == worker:
            return status
        if not pid:
            return None


def _sweep(worker: int) -> None:
    """Kill what is left of the worker's group, and all that have become our children."""
    if sys.platform != "linux":
        with suppress(OSError):
            os.killpg(worker, signal.SIGKILL)
    deadline = time.monotonic() + _SWEEP_SECONDS
    with suppress(ChildProcessError):  # None is left.
        while time.monotonic() < deadline:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            spares = time.monotonic() < deadline - _SWEEP_SECONDS / 2
            left = [one for one in _children() if (spares and _is_tracker(one)) or _killed(one)]
            if not left:
                return
            time.sleep(_POLL_SECONDS)


def _is_tracker(pid: int) -> bool:
    """Whether it is the process that removes the semaphores and shared memory of `multiprocessing`.

    It does so when all that use them have ended, and then ends by itself.
    """
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return b"multiprocessing.resource_tracker" in file.read()
    return False


def _killed(pid: int) -> bool:
    with suppress(OSError):  # It is another user's.
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _children() -> list[int]:
    own, found = os.getpid(), []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # The program's name comes first, in parentheses, and may hold anything.
                if int(file.read().rpartition(b")")[2].split()[1]) == own:
                    found.append(int(name))
    return found
