"""Waiting for what other processes do, and seeing which of them live."""

import os
import signal
import threading
import time

import psutil

GONE_SECONDS = 60
"""How long it may take until what was told to end, or was killed, is gone: on however busy a machine."""


def wait_for(condition, seconds, what, every=0.05):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"no {what} within {seconds} s")


def until(condition, seconds=120):
    """Wait for a condition that is looked at often."""
    wait_for(condition, seconds, "sign of it", every=0.005)


def lives(process):
    """Whether a process is there; one that has ended and that nobody has waited for is dead.

    Where nobody waits for orphans, as in some containers, these stay zombies.
    """
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe(process):
    try:
        command = " ".join(process.cmdline())
        return f"{process.pid} (parent {process.ppid()}) {process.status()}: {command}"
    except psutil.NoSuchProcess:
        return f"{process.pid}, which has just ended"


def to_the_process():
    """As Ctrl-C is sent: it ends the main thread's wait."""
    os.kill(os.getpid(), signal.SIGINT)


def to_another_thread():
    """The main thread's wait goes on, as where a signal comes just as it begins."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def interrupt(when, delay=0.0, send=to_the_process):
    """Send SIGINT `delay` seconds after `when()` is true; gives the thread that does."""

    def wait_and_send():
        until(when)
        time.sleep(delay)
        send()

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread
