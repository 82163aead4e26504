"""Results are kept as they were given, small where they are integers, until they are written."""

import pickle
from datetime import date
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.results.types.buffer import ResultBuffer

values = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.none(),
)
blocks = st.lists(st.one_of(st.lists(st.integers(-5, 5)), st.lists(values)), max_size=6)


def fits(value):
    return type(value) is int and -(2**63) <= value < 2**63


@given(blocks)
def test_results_come_back_as_they_were(blocks):
    """Whatever was appended, in whatever blocks, comes back in order; as words if all fit in them."""
    results, expected = ResultBuffer(), []
    for block in blocks:
        results.extend(iter(block))
        expected += block
        assert len(results) == len(expected)
    assert [(type(value), value) for value in results.values()] == [
        (type(value), value) for value in expected
    ]
    assert (results.words is not None) == all(map(fits, expected))
    if results.words is not None:
        assert results.words.tolist() == expected
    assert pickle.loads(pickle.dumps(results)).values() == expected
    assert (results.plain_bytes or 0) >= 8 * sum(map(fits, expected))


@pytest.mark.parametrize("before", [[], [1, 2], ["a"]])
def test_what_was_given_before_an_error_is_kept(before):
    """A function that raises leaves the results of the items before."""

    def raising():
        yield from (3, 4)
        raise OSError("enough")

    results = ResultBuffer()
    results.extend(before)
    with pytest.raises(OSError, match="enough"):
        results.extend(raising())
    assert results.values() == [*before, 3, 4]


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize("value", [[1], {"a": 1}, Decimal(1), date(2026, 1, 1), Colour.RED])
@pytest.mark.parametrize("before", [[], ["a"], [2**70]])
def test_values_of_other_classes_are_not_plain(value, before):
    """What needs a class, or may hold what does, is not for processes that may not have it."""
    results = ResultBuffer()
    results.extend([*before, value])
    assert results.plain_bytes is None


@pytest.mark.parametrize(
    "value",
    [2**60, "x" * 100_000, b"x" * 100_000, 10**4_000, 0.5],
    ids=lambda value: type(value).__name__,
)
def test_the_size_of_plain_results(value):
    """Whoever sends results knows about how many bytes that takes."""
    results = ResultBuffer()
    results.extend([value] * 20)
    assert results.plain_bytes is not None
    assert (
        0.2
        < len(pickle.dumps([value] * 20 if value == 2**60 else [value]))
        / (results.plain_bytes / (1 if value == 2**60 else 20))
        < 2
    )
