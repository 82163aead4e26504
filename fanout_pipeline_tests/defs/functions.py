"""The functions of a fan-out that is not the example's; worker processes import them by name."""

import asyncio
import os
from pathlib import Path

SIGN = "FANOUT_TEST_SIGN"
ONCE = "FANOUT_TEST_ONCE"


def cube(number):
    return number**3


async def cube_async(number):
    await asyncio.sleep(0)
    return cube(number)


def cube_batch(numbers):
    return numbers.astype("object") ** 3


def fails_on_7(number):
    if number == 7:
        raise ArithmeticError("seven is too much")
    return number


def fails_on_7_batch(numbers):
    return numbers.map(fails_on_7)


HOSTILE = "a | b <script>alert(1)</script> ![x](http://y/z) `c` \x1b[31m"


def fails_on_sevens(number):
    if number % 7 == 0:
        raise ValueError(HOSTILE)
    return number


def fails_on_sevens_batch(numbers):
    return numbers.map(fails_on_sevens)


def mended(number):
    """Fails on 25 as long as the file that an environment variable names is there; logs its calls."""
    sign = Path(os.environ[SIGN])
    with open(sign.with_suffix(".calls"), "a") as calls:
        calls.write(f"{number}\n")
    if number == 25 and sign.exists():
        if ONCE in os.environ:
            sign.unlink()
        raise ConnectionError("the service is down")
    return -number


def mended_batch(numbers):
    return numbers.map(mended)


def only_once(number):
    """Fails on a number that it was called with before, as the environment's folder says."""
    try:
        (Path(os.environ[SIGN]) / str(number)).touch(exist_ok=False)
    except FileExistsError:
        raise ConnectionError(HOSTILE) from None
    return -number
