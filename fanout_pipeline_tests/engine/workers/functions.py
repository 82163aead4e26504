"""Functions for worker processes, in a module that costs them nothing to import."""

import os
import re
import signal
import time
from datetime import timedelta
from pathlib import Path


def pid(number):
    return os.getpid()


def slow_now_and_then(number):
    """Every 29th number takes 5 ms, as a timer tells."""
    if number % 29 == 3:
        import time

        time.sleep(0.005)
    return number * number


def fails_at_seven(number):
    if number % 100 == 7:
        raise ValueError("seven")
    return number


def later(number):
    return timedelta(number) if number > 150 else None


class Ends:
    """Squares, and ends its process on some items, in one of many ways."""

    def __init__(self, how, *guilty):
        self.how = how
        self.guilty = guilty

    def __call__(self, number):
        if number in self.guilty:
            if self.how == "exit":
                os._exit(3)
            if self.how == "segfault":
                import ctypes

                ctypes.string_at(0)
            os.kill(os.getpid(), self.how)
        return number * number


class EndsOnce:
    """Ends its process the first time that it is called with an item."""

    def __init__(self, folder: Path, *items):
        self.folder = folder
        self.items = items

    def __call__(self, number):
        if number in self.items and not (mark := self.folder / str(number)).exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


def hangs(number):
    """7 sleeps, 130 holds the interpreter in a regular expression that goes back and forth for years."""
    if number == 7:
        time.sleep(600)
    if number == 130:
        re.match(r"(a+)+$", "a" * 64 + "b")
    return number * number


def never_returns(number):
    time.sleep(600)


def hoards(number):
    """Keeps 2 MB with each call."""
    hoards.__dict__.setdefault("kept", []).append(os.urandom(2**20) * 2)
    time.sleep(0.002)
    return number * number


class DiesAsItAnswers:
    """The first worker dies in the middle of its answer, and leaves a process that holds its socket."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self, number):
        from fanout_pipeline.engine.workers.protocol import Channel

        if not self.mark.exists():
            child = os.fork()
            if not child:
                time.sleep(600)
                os._exit(0)
            self.mark.write_text(str(child))
            Channel.send = send_half_and_die
        return "x" * 1000


def send_half_and_die(channel, message):
    whole = len(message).to_bytes(8) + message
    if len(message) < 10_000:  # the count
        os.write(channel.fileno(), whole)
        return
    os.write(channel.fileno(), whole[:9000])
    os.kill(os.getpid(), signal.SIGKILL)


class CannotBeRead:
    """Is pickled, but not unpickled."""

    def __reduce__(self):
        return (int, ("no number",))

    def __call__(self, number):
        return number
