"""Functions for `test_auto`, which workers import without anything else."""

import os
import signal
import threading
import time
from pathlib import Path


def same(number):
    return number


def computes(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def computes_2_ms(item):
    computes(0.002)
    return item, os.getpid()


def pid_after_2_ms(item):
    computes(0.002)
    return os.getpid()


def dear_within(start, stop, number):
    if start <= number < stop:
        computes(0.01)
    return number, os.getpid()


def meets(folder, count, item):
    """Returns once so many calls have begun."""
    here = Path(folder)
    here.mkdir(exist_ok=True)
    (here / str(item)).touch()
    deadline = time.monotonic() + 100
    while len(list(here.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the others have not begun")
        time.sleep(0.01)
    return item


def met(folder, count):
    """The same, once in each thread of each process."""
    return meets(folder, count, f"{os.getpid()} {threading.get_ident()}")


def first_of_two(item, value):
    return item


def waits_10_ms(item):
    time.sleep(0.01)
    return item, os.getpid(), threading.get_ident()


def fails_on(guilty, number):
    computes(0.002)
    if number == guilty:
        raise ValueError("no")
    return number


def dies_on(guilty, number):
    if number == guilty:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
