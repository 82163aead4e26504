"""Results go into an Arrow column and come back as they were, or are refused."""

import datetime
import struct

import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.parts.column import INTEGER_TEXT, is_integer_text, to_column, to_python

wide = st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**5000, -(10**5000)])
integers = st.integers() | wide


def back(results):
    return to_python(*to_column(results))


@settings(deadline=None)
@given(results=st.lists(integers) | st.lists(integers | st.none()))
@example(results=[10**5000, None, -(10**5000), 0])
def test_integers_of_any_size_come_back(results):
    """Integers come back exact whatever their size, with or without None among them."""
    # Not ==: its failure would print integers that Python refuses to print.
    assert list(map(same, back(results), results)) == [True] * len(results)


def same(one, other):
    return type(one) is type(other) and one == other


@settings(deadline=None)
@given(
    results=st.lists(st.text())
    | st.lists(st.text() | st.none())
    | st.lists(st.booleans() | st.none())
    | st.lists(st.binary())
    | st.lists(st.datetimes())
    | st.lists(st.lists(st.integers(-(2**63), 2**63 - 1)))
)
def test_other_types_come_back(results):
    """Texts, truth values, bytes, times and lists come back as they were, None too."""
    assert back(results) == results


@settings(deadline=None)
@given(results=st.lists(st.floats()) | st.lists(st.floats() | st.none()))
def test_floats_come_back_to_the_bit(results):
    """Floats come back to the bit: infinities, negative zero, and NaN, which does not become None."""
    bits = [value if value is None else struct.pack("d", value) for value in results]
    assert [v if v is None else struct.pack("d", v) for v in back(results)] == bits


@pytest.mark.parametrize("results", [[], [1, -1], [2**63 - 1, -(2**63)], [1, None]])
def test_integers_that_fit_are_int64(results):
    """Other programs read integers that fit in 64 bits as what they are."""
    column, metadata = to_column(results)
    assert column.type == pyarrow.int64()
    assert not is_integer_text(metadata)


@pytest.mark.parametrize("results", [[1, 2**63], [-(2**63) - 1, None]])
def test_wider_integers_are_marked_text(results):
    """One integer too wide for 64 bits makes its part decimal text that says it holds integers."""
    column, metadata = to_column(results)
    assert column.to_pylist() == [None if value is None else str(value) for value in results]
    assert metadata == INTEGER_TEXT


def test_text_of_digits_stays_text():
    """A function that returns text gets text back, though it looks like a number."""
    assert back(["1", "2"]) == ["1", "2"]


@pytest.mark.parametrize(
    "results",
    [
        [1, 0.5],
        [0.5, 1],
        [1, None, 0.5],
        [2**70, 0.5],
        [1, "a"],
        ["a", 1],
        ["a", 0.5],
        [True, 1],
        [0.5, True],
        ["a", b"b"],
        [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 5, tzinfo=datetime.UTC)],
        [[1], 1],
        [{"a": 2**70}],
        [1j],
        [object()],
        ["\ud800"],
        ["\ud800", None],
    ],
    ids=lambda results: repr(results).partition(" at 0x")[0],
)
def test_results_that_would_change_are_refused(results):
    """Results without one common type, or that no column can hold, are a TypeError, never changed."""
    with pytest.raises(
        TypeError, match=r"one type for every item|do not fit in one Parquet column"
    ):
        to_column(results)
