"""The example's function is exact for integers of any size, one by one and in a batch."""

import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.squares import square, square_batch

ROOT = Path(__file__).parents[1]
LARGEST_ROOT = 3_037_000_499


@given(number=st.integers())
def test_a_square_is_exact(number):
    """The square of an integer of any size is the integer that it is."""
    assert square(number) == number**2


@settings(deadline=None)
@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(st.integers(-100, 100)))
@example(numbers=[LARGEST_ROOT, -LARGEST_ROOT])
@example(numbers=[LARGEST_ROOT + 1])
@example(numbers=[-LARGEST_ROOT - 1, 1])
@example(numbers=[-(2**63)])
def test_a_batch_never_wraps_around(numbers):
    """The squares of a batch are those of its numbers, also where 64 bits do not hold them."""
    squares = square_batch(pandas.Series(numbers, dtype="int64"))
    assert squares.tolist() == [square(number) for number in numbers]


@pytest.mark.parametrize(
    ("largest", "dtype"), [(LARGEST_ROOT, "int64"), (LARGEST_ROOT + 1, "object")]
)
def test_a_batch_stays_fast_as_long_as_it_can(largest, dtype):
    """Squares stay 64-bit integers as long as they fit, and become Python ints beyond."""
    for number in (largest, -largest):
        assert square_batch(pandas.Series([1, number])).dtype == dtype


@given(numbers=st.lists(st.integers(), min_size=1))
def test_a_batch_of_python_integers_is_exact(numbers):
    """A batch of integers of any size gives their exact squares."""
    squares = square_batch(pandas.Series(numbers, dtype="object"))
    assert squares.tolist() == [square(number) for number in numbers]


def test_importing_the_function_imports_nothing_heavy():
    """A worker that squares one number at a time starts without pandas, NumPy, Arrow or Dagster."""
    code = "import sys, fanout_pipeline.squares; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"pandas", "numpy", "pyarrow", "dagster"} & set(done.stdout.split())
