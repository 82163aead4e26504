"""What workers of clusters call."""

import asyncio
import os
import signal
import time
from pathlib import Path


def square(number):
    return number * number


def squared_slowly(number):
    time.sleep(0.01)
    return number * number


def fails_sometimes(number):
    if number % 100 == 7:
        raise ValueError(f"no {number}")
    return number * number


async def squared_later(number):
    await asyncio.sleep(0)
    return number * number


def kills_its_process(number):
    if number == 123:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def never_ends(number):
    if number == 123:
        time.sleep(10_000)
    return number * number


class Waits:
    """The number squared; one of the items waits for a file."""

    def __init__(self, folder, at=50):
        self.folder, self.at = str(folder), at

    def __call__(self, number):
        folder = Path(self.folder)
        if number == self.at:
            (folder / f"began-{os.getpid()}").touch()
            while not (folder / "go").exists():
                time.sleep(0.02)
        return number * number


class Noted:
    """What setup makes: it leaves a file where it is made and where it is closed."""

    def __init__(self, folder):
        self.folder = folder
        (Path(folder) / f"made-{os.getpid()}").touch(exist_ok=False)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        (Path(self.folder) / f"closed-{os.getpid()}").touch(exist_ok=False)


class Making:
    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self):
        return Noted(self.folder)


def given(number, value):
    return number * number if isinstance(value, Noted) else None
