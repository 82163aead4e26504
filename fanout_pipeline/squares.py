"""The example's function: the square of a number, for one item and for a batch.

This module is what worker processes import for the example, so it imports nothing at its top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_LARGEST_ROOT = 3_037_000_499
"""The square of one more does not fit in int64."""


def square(number: int) -> int:
    """The square of one number."""
    return number * number


def square_batch(numbers: pandas.Series) -> pandas.Series:
    """The squares of a Series, exact: of Python ints (dtype object) where int64 would overflow."""
    if numbers.dtype != "object":
        numbers = numbers.astype("int64")
    if numbers.dtype != "object" and not numbers.between(-_LARGEST_ROOT, _LARGEST_ROOT).all():
        numbers = numbers.astype("object")
    return numbers * numbers
