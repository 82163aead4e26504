"""Setups and functions that are given what they make; workers import this.

A setup that keeps a journal writes a line when its value is made and one when it is closed.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow


class Client:
    """A value that counts its calls."""

    def __init__(self, journal):
        self.journal = journal
        self.calls = 0
        self.closed = False
        self.worker = f"{os.getpid()} {threading.get_ident()}"

    def note(self, what):
        with self.journal.open("a") as file:
            file.write(f"{what} {self.worker} {id(self)} {self.calls}\n")

    def close(self):
        self.closed = True
        self.note("closed")


@dataclass(frozen=True)
class Opens:
    """A context manager as a setup."""

    journal: Path

    def __call__(self):
        return self._client()

    @contextmanager
    def _client(self):
        client = Client(self.journal)
        client.note("made")
        try:
            yield client
        finally:
            client.close()


@dataclass(frozen=True)
class OpensInLoop(Opens):
    """An async context manager as a setup, which must be left by the task that has entered it."""

    def __call__(self):
        return self._async_client()

    @asynccontextmanager
    async def _async_client(self):
        async with asyncio.TaskGroup():
            await asyncio.sleep(0)
            with self._client() as client:
                client.loop = asyncio.get_running_loop()
                yield client


@dataclass(frozen=True)
class OpensAwaited(Opens):
    """An async function as a setup, whose value is a context manager."""

    async def __call__(self):
        await asyncio.sleep(0)
        return self._client()


def call(item, client):
    """The item; the value must be this worker's, and open."""
    assert client.worker == f"{os.getpid()} {threading.get_ident()}"
    assert not client.closed
    client.calls += 1
    return int(item)


def call_anywhere(item, client):
    """The item; the value may have been made in the event loop's thread."""
    assert not client.closed
    client.calls += 1
    return int(item)


async def call_async(item, client):
    """The item; the value must be open at the end of the call, too."""
    await asyncio.sleep(0.0001)
    assert not client.closed
    client.calls += 1
    return int(item)


async def call_in_its_loop(item, client):
    """The item; the value must have been made in the loop of the call."""
    assert client.loop is asyncio.get_running_loop()
    return await call_async(item, client)


def call_batch(items, client):
    """The items; one call a batch."""
    assert client.worker == f"{os.getpid()} {threading.get_ident()}"
    assert not client.closed
    client.calls += 1
    return items


def call_table(table: "pyarrow.Table", client):
    """The items of an Arrow table."""
    return call_batch(table, client).column(0)


def call_slowly(item, client):
    """Calls that an interrupt finds in the middle."""
    time.sleep(0.05)
    return call(item, client)


async def call_slowly_async(item, client):
    """The same in an event loop."""
    await asyncio.sleep(0.05)
    return await call_async(item, client)


@dataclass(frozen=True)
class SleepsLong:
    """A call that sleeps for a minute on one item, once it has said so."""

    mark: Path

    def __call__(self, item, client):
        if int(item) == 1001:
            self.mark.touch()
            time.sleep(60)
        return call(item, client)


@dataclass(frozen=True)
class Kills:
    """A call that kills its worker once."""

    mark: Path

    def __call__(self, item, client):
        if int(item) == 1050 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return call(item, client)


def fails_late(item, client):
    """A call that fails on a late item."""
    if int(item) == 1090:
        raise ValueError("the late one")
    return call_anywhere(item, client)


async def fails_late_async(item, client):
    """The same, async."""
    return fails_late(item, client)


@dataclass(frozen=True)
class Refused:
    """A setup that fails, and counts how often."""

    journal: Path

    def __call__(self):
        with self.journal.open("a") as file:
            file.write("called\n")
        raise ConnectionError("refused by the server")


@dataclass(frozen=True)
class FailsSecond(Opens):
    """A setup that can make one value and no other."""

    def __call__(self):
        if self.journal.exists():
            raise ConnectionError("no other one")
        return self._client()


def exits():
    """A setup that ends its process, as a crash of C code would."""
    os._exit(7)


@contextmanager
def closes_badly():
    """A setup whose value cannot be closed."""
    yield "value"
    raise OSError("the server has gone")


LONG_SECONDS = 1.2


def takes_long():
    """A setup that takes longer than a call may."""
    time.sleep(LONG_SECONDS)
    return "value"


def with_value(item, value):
    """The item, with anything."""
    return int(item)


def shout(key):
    """A setup that fails and tells what it was given."""
    raise ConnectionError(f"key {key} at {key!r}")


def keep(**resources):
    """A setup whose value is what it was given."""
    return resources


def tells_all(item, given):
    """A call that fails with what it was given in its message, its traceback and a log record."""
    import logging

    logging.getLogger("told").warning("calling with %s", given["key"])
    raise ValueError(f"no answer for {given['key']}")


async def with_value_async(item, value):
    """The same, async."""
    return int(item)


def with_value_batch(items, value):
    """The items, with anything."""
    return items


def call_anywhere_batch(items, client):
    """The items; the value may have been made in the event loop's thread."""
    assert not client.closed
    return items


@dataclass(frozen=True)
class Interrupts:
    """A call that sends its own process a signal, unless that is the given one."""

    not_to: int
    number: int

    def __call__(self, item, client):
        if os.getpid() != self.not_to:
            os.kill(os.getpid(), self.number)
        return call(item, client)


def takes_none():
    """A setup that has nothing to make."""
    return


def takes_nothing():
    """Another one."""
    return "nothing"


def fails_late_with(item, value):
    """A call that fails on a late item."""
    if int(item) == 1090:
        raise ValueError("the late one")
    return int(item)


def imported_for_setup(item):
    """The names of modules that only a setup needs."""
    names = ("calls.setup", "calls.loop_value", "functions.resources", "workers.held_value")
    return " ".join(name for name in names if f"fanout_pipeline.engine.{name}" in sys.modules)


class ClosesSlowly(Opens):
    """A setup whose value takes long to close, in Python, where a thread can be interrupted."""

    @contextmanager
    def _client(self):
        with super()._client() as client:
            yield client
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                time.sleep(0.01)


def fails_in_a_thread(item, client):
    """A call that fails in a thread that is not the main one."""
    time.sleep(0.05)
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("not in this thread")
    return call(item, client)
