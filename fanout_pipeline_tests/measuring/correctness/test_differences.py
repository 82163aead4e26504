"""Results differ by their floats' last digits, or they are different."""

import math
import random
from decimal import Decimal

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.measuring.correctness.differences import (
    DIFFERENT,
    difference,
    differences,
    has_floats,
    nearest_pairs,
)

NAN, INF = math.nan, math.inf
ULP = 2.0**-52


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (1.0, 1.0 + ULP, ULP),
        (0.0, -0.0, 0.0),
        (NAN, -NAN, 0.0),
        (NAN, 1.0, DIFFERENT),
        (INF, INF, 0.0),
        (INF, -INF, DIFFERENT),
        (INF, 1.7e308, DIFFERENT),
        (1.7e308, -1.7e308, 2.0),
        (0.0, 5e-324, 1.0),
        (1, 2, DIFFERENT),
        (10**30, 10**30 + 1, DIFFERENT),
        (1, True, 0.0),
        (1, 1.0, DIFFERENT),
        ("1", 1, DIFFERENT),
        ("a", "a", 0.0),
        (None, None, 0.0),
        (None, 0.0, DIFFERENT),
        (None, {"a": None, "b": {}}, 0.0),
        ({"a": 0}, None, DIFFERENT),
        (Decimal("0.1"), Decimal("0.10"), DIFFERENT),
        (Decimal("NaN"), Decimal("NaN"), 0.0),
        ([1.0, [NAN]], [1.0 + ULP, [NAN]], ULP),
        ([1.0], [1.0, 2.0], DIFFERENT),
        ({"a": 1.0, "b": 2}, {"b": 2, "a": 1.0 + ULP}, ULP),
        ({"a": 1.0, "b": 2}, {"a": 1.0, "b": 3}, DIFFERENT),
        ({"a": 1.0, "b": None}, {"a": 1.0}, 0.0),
        ([{"a": [None, 3.0, "t"]}], [{"a": [None, 3.0, "u"]}], DIFFERENT),
    ],
)
def test_examples(one, other, apart):
    """Floats by their relative difference, all else by everything or nothing, at any depth."""
    assert difference(one, other) == pytest.approx(apart)
    assert difference(other, one) == pytest.approx(apart)


floats = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(floats, floats), max_size=20))
def test_columns_differ_as_their_values_do(pairs):
    """Whole columns of floats give what two floats give."""
    ours, theirs = numpy.array(pairs, float).reshape(-1, 2).T
    expected = [difference(*pair) for pair in zip(ours.tolist(), theirs.tolist(), strict=True)]
    assert differences(ours, theirs).tolist() == expected


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["plain", "nested", "alike", "equal"])
def test_each_finds_its_partner_again(seed, shape):
    """However results are shuffled and their last digits changed, each is found, and none twice."""
    chance = random.Random(seed)
    values = {
        "plain": lambda: chance.uniform(-1, 1) * 10 ** chance.randrange(-300, 300),
        "nested": lambda: {"v": 1.0, "x": [chance.random(), chance.choice("ab"), NAN]},
        "alike": lambda: 1.0,
        "equal": lambda: [chance.choice([0.25, 0.5]), chance.choice([1e9, 2e9])],
    }[shape]

    def nudged(value):
        if isinstance(value, float):
            return value * (1 + chance.uniform(-1, 1) * 1e-12)
        if isinstance(value, list):
            return list(map(nudged, value))
        return {k: nudged(v) for k, v in value.items()} if isinstance(value, dict) else value

    theirs = [values() for _ in range(300)]
    ours = list(map(nudged, theirs))
    chance.shuffle(ours)
    found = list(nearest_pairs(ours, theirs, 1e-9))
    assert sorted(one for one, _, _ in found) == list(range(300))
    assert sorted(other for _, other, _ in found) == list(range(300))
    assert max(apart for _, _, apart in found) <= 1e-11


def test_many_that_are_all_alike_take_no_longer():
    """A hundred thousand results that differ by their last digits only, and one that fits to none."""
    chance = random.Random(0)
    theirs = [1 + chance.random() * 1e-12 for _ in range(20_000)]
    ours = [1 + chance.random() * 1e-12 for _ in range(20_000)]
    assert len(list(nearest_pairs([*ours, 1 - 5e-10], [*theirs, 1 + 1e-3], 1e-10))) == 20_000


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("double", True),
        ("int64", False),
        ("large_string", False),
        (["double"], True),
        ({"a": "int64", "b": [{"c": "double"}]}, True),
        ({"a": "int64"}, False),
        ({}, False),
    ],
)
def test_kinds_with_floats(kind, expected):
    """Only where there are floats can there be last digits."""
    assert has_floats(kind) is expected
