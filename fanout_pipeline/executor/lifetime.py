"""A process that ends with the one that started it, whatever it is doing."""

import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHECK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


@contextmanager
def exits_on_hang_up(descriptor: int) -> Iterator[None]:
    """While the block runs, exit the process soon after the other end of the pipe is closed.

    For imports, which may hang. By an alarm rather than a thread, because a process with threads cannot
    be forked safely.
    """
    other_end = select.poll()
    other_end.register(descriptor, 0)  # poll reports a hang-up without being asked to

    def check(number: int, frame: object) -> None:
        if other_end.poll(0):
            os._exit(1)

    previous = signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, _CHECK_SECONDS, _CHECK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def end_with_parent() -> None:
    """Have this process, which multiprocessing has started, killed when its parent ends.

    On Linux by the kernel, which works even where C code never releases the GIL. It acts on the end of
    the *thread* that started this process: the step server has only one.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent.pid:  # it ended before the kernel was asked
            os._exit(1)

    def exit_after_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=exit_after_parent, daemon=True).start()
