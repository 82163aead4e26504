"""A process that is busy importing, and ends soon after the one that started it all the same."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

_LOOK_SECONDS = 0.5


@contextmanager
def ending_with(connection: Connection) -> Iterator[None]:
    """In the block, whose end may be seconds away, the process ends when the other end of its connection does.

    By an alarm, not by a thread, for a process with threads cannot be forked safely.
    """
    other_end = select.poll()
    other_end.register(connection.fileno(), 0)  # hanging up is told unasked

    def look(number: int, frame: object) -> None:
        if other_end.poll(0):
            os._exit(1)

    previous = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
