"""The functions of a fan-out that is not the example's; worker processes import them by name."""

import asyncio


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
