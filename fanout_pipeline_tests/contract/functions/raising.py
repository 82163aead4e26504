"""They raise, on the guilty item, on every seventh, or on the first calls."""

import sys

from fanout_pipeline_tests.contract.functions import GUILTY


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
