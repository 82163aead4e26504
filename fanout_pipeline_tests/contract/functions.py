"""Functions for worker processes, which import them by name."""

import asyncio
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

GUILTY = 1060
"""The item that the failing functions fail on."""


def same(number):
    return number


def raises_on_guilty(number):
    if number == GUILTY:
        raise ZeroDivisionError("no such square today")
    return number


def stops_on_guilty(number):
    return next(iter([] if number == GUILTY else [number]))


def kills_its_worker(number):
    if number == GUILTY:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def mixed_types(number):
    return float(number) if number % 2 else number


def float_from_guilty_on(number):
    return float(number) if number >= GUILTY else number


def unsendable(number):
    return lambda: number


def noise(number):
    """Some 2,000 bytes that a codec cannot shorten by much."""
    return os.urandom(1000).hex()


def unwanted_modules(number):
    """Which of the modules that a worker should not have imported it has."""
    found = {"dagster", "pandas"} & {name.partition(".")[0] for name in sys.modules}
    if hasattr(sys.modules["__main__"], "PARENT_MARKER"):
        found.add("__main__")
    return " ".join(sorted(found))


def sleeps_5_ms(number):
    time.sleep(0.005)
    return number


async def same_async(number):
    await asyncio.sleep(0)
    return number


async def waits_5_ms(number):
    await asyncio.sleep(0.005)
    return number


async def raises_cancelled_on_guilty(number):
    if number == GUILTY:
        raise asyncio.CancelledError
    return await same_async(number)


async def cancels_itself_on_guilty(number):
    if number == GUILTY:
        asyncio.current_task().cancel()
    return await same_async(number)


async def ends_iteration_on_guilty(number):
    if number == GUILTY:
        raise StopAsyncIteration
    return await same_async(number)


async def stops_on_guilty_async(number):
    return stops_on_guilty(await same_async(number))


async def raises_on_guilty_async(number):
    return raises_on_guilty(await same_async(number))


async def plus(number, more):
    return await same_async(number) + more


def sleeps_on_first(number):
    if number == 0:
        time.sleep(0.5)
    return number


class Slow:
    """Takes 10 ms an item, and leaves a file where someone can see that it was called."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self, number):
        self.mark.touch()
        time.sleep(0.01)
        return number


class AsyncSlow(Slow):
    """The same, waiting."""

    async def __call__(self, number):
        self.mark.touch()
        await asyncio.sleep(0.01)
        return number


class Async:
    """A plain function as an async one, which never waits."""

    def __init__(self, function):
        self.function = function

    async def __call__(self, number):
        return self.function(number)


class Batch:
    """A function of one item as a batch function."""

    def __init__(self, function):
        self.function = function

    def __call__(self, numbers):
        return [self.function(number) for number in numbers.tolist()]


@dataclasses.dataclass(frozen=True)
class Down:
    """Fails on GUILTY as long as a file is there."""

    sign: Path

    def __call__(self, number):
        if number == GUILTY and self.sign.exists():
            raise ConnectionError("the service is down")
        return number
