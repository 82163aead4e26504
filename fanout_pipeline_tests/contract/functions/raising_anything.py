"""They raise everything that Python can raise, one kind for each of the first items."""

import argparse
import asyncio
import sys

from fanout_pipeline_tests.contract.functions.adapters import Async
from fanout_pipeline_tests.contract.functions.raising import PanicException


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
