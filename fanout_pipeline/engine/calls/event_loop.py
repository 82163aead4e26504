"""The event loop of this process: one for all calls of async functions in all its runs.

What an async function makes at its first call and keeps, such as a client with its connections, is bound to
the loop in which it was made. So the loop lives as long as the process; at the end the tasks that are left
are cancelled, and it is closed.

    a step's process                                    a worker process
    crews submit coroutines and wait;                   its only thread runs the loop itself,
    a thread runs the loop as long as there             for as long as a slice of calls takes
    are crews (`served`)

That thread runs nothing but the loop. So an interrupt reaches a crew where it waits and never the loop, which
would log and forget any exception except KeyboardInterrupt.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.calls.loop_thread import EventLoop

_lock = threading.RLock()
_present: list[EventLoop] = []
"""The loop of this process, if there is one."""
_replaced: list[EventLoop] = []
"""Loops that are no longer used, kept because Python would warn that they are not closed."""


def event_loop() -> EventLoop:
    """The loop of this process."""
    with _lock:
        if _present and not _is_usable(_present[0]):
            _replaced.append(_present.pop())
        if not _present:
            _present.append(EventLoop())
            _close_at_exit()
        return _present[0]


@contextmanager
def served() -> Iterator[EventLoop]:
    """For the block, a thread runs the loop of this process, and coroutines can be submitted."""
    with _lock:
        loop = event_loop()
        loop.users += 1
        if loop.users == 1:
            loop.serve()
    try:
        yield loop
    finally:
        with _lock:
            loop.users -= 1
            if not loop.users:
                loop.rest()


def close() -> None:
    """End what is left in the loop of this process and close it; the next call makes another."""
    with _lock:
        if _present and _is_usable(_present[0]) and not _present[0].users:
            _present.pop().close()


def _is_usable(loop: EventLoop) -> bool:
    # A loop of a process that we were forked from has a selector in common with that process.
    return not loop.abandoned and loop.pid == os.getpid()


def _close_at_exit() -> None:
    atexit.unregister(close)
    atexit.register(close)
    # Children of multiprocessing do not run atexit's functions.
    if "multiprocessing.process" in sys.modules:
        from multiprocessing import parent_process, util

        if parent_process() is not None:
            util.Finalize(None, close, exitpriority=0)
