"""Functions for worker processes, which import them by name."""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import re
import shutil
import signal
import sys
import threading
import time
import warnings
from decimal import Decimal
from pathlib import Path

GUILTY = 1060
"""The item that the failing functions fail on."""


def same(number):
    return number


def raises_on_guilty(number):
    if number == GUILTY:
        raise ZeroDivisionError("no such square today")
    return number


class PanicException(BaseException):
    """As packages written in Rust raise it (polars, pydantic): it is no Exception."""

    __module__ = "pyo3_runtime"


def panics_on_guilty(number):
    if number == GUILTY:
        raise PanicException("index out of bounds")
    return number


class Own(BaseException):
    """No Exception either."""


class Mute(Exception):
    """Its text cannot be had, and who asks for it is told to exit."""

    def __str__(self):  # noqa: PLE0307
        sys.exit("mute")


def raised(error):
    def raise_it():
        raise error

    return raise_it


def recurse():
    recurse()


def parse_arguments():
    argparse.ArgumentParser(prog="line", exit_on_error=True).parse_args(["--no-such-option"])


KINDS = (
    ("SystemExit", parse_arguments),
    ("SystemExit", lambda: sys.exit("a bad line")),
    ("SystemExit", sys.exit),
    ("KeyboardInterrupt", raised(KeyboardInterrupt)),
    ("GeneratorExit", raised(GeneratorExit("enough"))),
    ("StopIteration", raised(StopIteration)),
    ("StopAsyncIteration", raised(StopAsyncIteration)),
    ("CancelledError", raised(asyncio.CancelledError)),
    ("MemoryError", raised(MemoryError)),
    ("RecursionError", recurse),
    ("PanicException", raised(PanicException("index out of bounds"))),
    ("Own", raised(Own("mine"))),
    ("Mute", raised(Mute())),
    ("BaseExceptionGroup", raised(BaseExceptionGroup("two", [SystemExit(1), ValueError()]))),
)
"""What a function may raise, by the type's name."""


def raises_of_every_kind(number):
    kind = number - 1000
    if kind < len(KINDS):
        KINDS[kind][1]()
    return number


async def raises_of_every_kind_in_a_task(number):
    """The call awaits a task of its own that raises."""
    await asyncio.create_task(Async(raises_of_every_kind)(number))
    return number


def exits_on_guilty(number):
    if number == GUILTY:
        sys.exit(2)
    return number


def raises_on_sevenths(number):
    """A text for a text's sake: parts of nothing but nulls must fit to it."""
    if number % 7 == 0:
        raise ValueError(f"{number} is a multiple of seven | <b>\x1b[1m\ud800")
    return f"result {number}"


def square_but_sevenths(number):
    if number % 7 == 0:
        raise ValueError(f"{number} is a multiple of seven")
    return number * number


def float_but_sevenths(number):
    return float(square_but_sevenths(number))


def fails_or_is_tried_again(number):
    if number == 1000:
        raise ConnectionResetError("once more")
    return raises_on_guilty(number)


def raises_always(number):
    raise RuntimeError("never")


def stops_on_guilty(number):
    return next(iter([] if number == GUILTY else [number]))


def kills_its_worker(number):
    if number == GUILTY:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def holds_the_interpreter(number):
    """For years, in a regular expression, on the guilty item; leaves a file where it is called."""
    if number == GUILTY:
        Path("called").touch()
        re.match(r"(a+)+$", "a" * 64 + "b")
    return number


def mixed_types(number):
    return float(number) if number % 2 else number


def float_from_guilty_on(number):
    return float(number) if number >= GUILTY else number


def mostly_integers(number):
    return number if number % 3 else False


def float_on_guilty(number):
    return float(number) if number == GUILTY else number


def price(number):
    return Decimal(number) / 10 ** (number % 7) if number % 5 else None


def article(number):
    """Of one type, though hardly two parts of one item each would be of one by themselves."""
    found = {
        "title": None if number < GUILTY else f"title {number}",
        "tags": ["a", "b"][: number % 3],
        "price": price(number),
        "ids": [2**53 + number, None],
    }
    if number % 4 == 0:
        found = {"late": {}, **found}
    if number % 8 == 0:
        found["late"] = {"by": 2**64 * (number % 16)}
    return found


class CalledWith:
    """Leaves a file of each item's name before it calls the function."""

    def __init__(self, folder: Path, function):
        self.folder = folder
        self.function = function

    def __call__(self, number):
        (self.folder / str(number)).touch()
        return self.function(number)


def unsendable(number):
    return lambda: number


def long_text(number):
    """A hundred of them are more than a pipe holds."""
    return str(number) * 10_000


def noise(number):
    """Some 2,000 bytes that a codec cannot shorten by much."""
    return os.urandom(1000).hex()


def unwanted_modules(number):
    """Which of the modules that a worker should not have imported it has."""
    found = {"dagster", "pandas"} & {name.partition(".")[0] for name in sys.modules}
    if hasattr(sys.modules["__main__"], "PARENT_MARKER"):
        found.add("__main__")
    return " ".join(sorted(found))


def what_it_sees(number):
    """Settings of the thread and the process that call it, by what they do."""
    import numpy

    def raised_by(call, *arguments):
        try:
            call(*arguments)
        except (Warning, FloatingPointError) as error:
            return type(error).__name__

    return " ".join(
        f"{name}={value}"
        for name, value in {
            "third": Decimal(1) / 3,
            "numpy": raised_by(numpy.divide, 1.0, 0.0),
            "odd": raised_by(warnings.warn, "odd number", UserWarning),
            "even": raised_by(warnings.warn, "even number", RuntimeWarning),
            "recursion": sys.getrecursionlimit(),
            "digits": sys.get_int_max_str_digits(),
        }.items()
    )


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


async def hangs_on_guilty(number):
    if number == GUILTY:
        await asyncio.sleep(60)
    return number


async def plus(number, more):
    return await same_async(number) + more


_connections = {}


async def ask_server(number, port):
    """The number, by way of a server, with a client that is made at the first call and then kept."""
    if port not in _connections:
        connected = asyncio.ensure_future(asyncio.open_connection("127.0.0.1", port))
        _connections[port] = connected, asyncio.Lock()
    connected, free = _connections[port]
    reader, writer = await connected
    async with free:
        writer.write(f"{number}\n".encode())
        await writer.drain()
        return int(await reader.readline())


async def hang_up(port):
    connected, _ = _connections.pop(port)
    _, writer = await connected
    writer.close()
    await writer.wait_closed()


async def blocks(number):
    """Keeps its event loop from everything else, in Python code."""
    while number == GUILTY:
        time.sleep(0.01)  # noqa: ASYNC251
    return number


async def minds_no_cancelling(number):
    while number == GUILTY:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
    return number


def hangs_beside_the_main_thread(number, how):
    """As a library does that threads may not share."""
    if threading.current_thread() is not threading.main_thread():
        if how == "waits":
            locked = threading.Lock()
            locked.acquire()
            locked.acquire()
        else:
            re.match(r"(a+)+$", "a" * 64 + "b")  # keeps the interpreter, for years
    return number


def exits_without_a_word(number):
    os._exit(3)


def counts_its_calls(number):
    _calls.append(number)
    return len(_calls)


_calls = []


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


class FailsAtFirst:
    """Fails on the first so many calls of each item, which it counts in a folder's files."""

    def __init__(self, folder: Path, times: int, error: type = ConnectionResetError):
        self.folder = folder
        self.times = times
        self.error = error

    def __call__(self, number):
        with open(self.folder / str(number), "a+") as file:
            file.write("x")
            file.seek(0)
            calls = len(file.read())
        if number % 10 == 0 and calls <= self.times:
            raise self.error(f"call {calls}")
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


class Removes:
    """Removes, on the guilty item, what is in a folder but for one entry and its lock."""

    def __init__(self, folder: Path, kept: Path):
        self.folder = folder
        self.kept = kept

    def __call__(self, number):
        if number == GUILTY:
            for entry in self.folder.iterdir():
                while entry.is_dir() and entry != self.kept:
                    # Another worker may be writing there.
                    shutil.rmtree(entry, ignore_errors=True)
        return noise(number)


class Changes:
    """Does something to a file on the guilty item: "grows", "shrinks", "is replaced", …"""

    def __init__(self, file: Path, how: str):
        self.file = file
        self.how = how

    def __call__(self, number):
        if number == GUILTY:
            self.change()
        return number

    def change(self):
        content = self.file.read_bytes()
        match self.how:
            case "grows":
                with open(self.file, "ab") as file:
                    file.write(b"1\n2\n3")
            case "shrinks":
                os.truncate(self.file, len(content) // 2 + 2)
            case "is emptied":
                os.truncate(self.file, 0)
            case "is rewritten":
                with open(self.file, "r+b") as file:
                    file.write(bytes(reversed(content)))
            case "is spoilt":
                with open(self.file, "r+b") as file:
                    file.write(b"x" * (len(content) - 1))
            case "is replaced":
                aside = self.file.with_name("aside.txt")
                aside.write_bytes(content)
                os.replace(aside, self.file)
            case "is removed":
                self.file.unlink()


FORGED = "2026-01-01 00:00:00 +0000 - dagster - ERROR"
HOSTILE = (
    "\x1b[31m\x1b]0;owned\x07<script>alert(1)</script>![x](http://example.invalid/x.png)\u202e\0\x85 "
    f"\n{FORGED} - a line of no log\r\n# heading"
)


def raises_hostile(item):
    """For items and for batches."""
    if isinstance(item, str) and len(item) < 2:
        return item
    raise ValueError(HOSTILE + "\n" + "x" * 10_000_000)


def hostile_result(item):
    return {"a": HOSTILE, "b": "x" * 10_000_000, "c": None}[item]


class Unprintable:
    """Its repr is a text, or an error."""

    class Error(Exception):
        def __str__(self):
            raise RuntimeError

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        if self.text is None:
            raise RuntimeError
        return self.text


@dataclasses.dataclass(frozen=True)
class Down:
    """Fails on GUILTY as long as a file is there."""

    sign: Path

    def __call__(self, number):
        if number == GUILTY and self.sign.exists():
            raise ConnectionError("the service is down")
        return number


@dataclasses.dataclass(frozen=True)
class Rated:
    """Multiplies by what a file holds; fails on GUILTY where it holds nothing good for that."""

    rates: Path

    def __call__(self, number):
        rate = int(self.rates.read_text())
        if number == GUILTY and rate < 0:
            raise ValueError("a negative rate")
        return rate * number


@dataclasses.dataclass(frozen=True)
class Mends:
    """Writes to the file that `rated` reads, when it is called with GUILTY."""

    rated: Rated

    def __call__(self, number):
        if number == GUILTY:
            self.rated.rates.write_text("2")
        return self.rated(number)


@dataclasses.dataclass(frozen=True)
class Overwrites:
    """Writes other numbers over its input, where a file is there, and removes that."""

    file: Path
    sign: Path

    def __call__(self, number):
        if number == 50 and self.sign.exists():
            self.sign.unlink()
            content = self.file.read_bytes().replace(b"9", b"8")
            with open(self.file, "r+b") as file:
                file.write(content)
        return number
