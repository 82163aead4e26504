"""Functions that the baselines call: a worker imports them by name."""

import os
import signal
import time
from pathlib import Path

GUILTY = 60


def text(number):
    return f"{number}!"


async def awaited(number):
    return number + 0.5


def raises(number):
    if number == GUILTY:
        raise ZeroDivisionError("no such square today")
    return number


async def raises_awaited(number):
    return raises(number)


def exits(number):
    if number == GUILTY:
        raise SystemExit(2)
    return number


def ends_an_iteration(number):
    return number if number != GUILTY else next(iter([]))


def kills_its_worker(number):
    if number == GUILTY:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def cannot_be_sent(number):
    return (one for one in [number])


class Slow:
    """Takes 50 ms an item, and leaves a file where someone can see that it was called."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self, number):
        self.mark.touch()
        time.sleep(0.05)
        return number


def changes_and_raises(row):
    row["seen"] = 1
    if row["n"] == 2:
        raise KeyError("late")
    return row["n"]
