"""Columns of Arrow are hashed as what Python sees in them."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.sources.column_hash import column_hashes
from fanout_pipeline.sources.contents import value_hashes
from fanout_pipeline_tests.chance import examples

TEXT = (
    st.text(max_size=12) | st.text(min_size=100, max_size=200) | st.sampled_from(["\0", "a\0", "a"])
)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001
KINDS = [
    (pyarrow.int8(), st.integers(-128, 127)),
    (pyarrow.uint16(), st.integers(0, 2**16 - 1)),
    (pyarrow.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pyarrow.uint64(), st.integers(0, 2**64 - 1)),
    (pyarrow.float32(), st.floats(width=32)),
    (pyarrow.float64(), st.floats()),
    (pyarrow.bool_(), st.booleans()),
    (pyarrow.null(), st.none()),
    (pyarrow.string(), TEXT),
    (pyarrow.large_string(), TEXT),
    (pyarrow.string_view(), TEXT),
    (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), TEXT),
    (pyarrow.binary(), st.binary(max_size=20)),
    (pyarrow.binary(3), st.binary(min_size=3, max_size=3)),
    (pyarrow.date32(), st.dates(date(1900, 1, 1), date(2200, 1, 1))),
    (pyarrow.date64(), st.dates(date(1900, 1, 1), date(2200, 1, 1))),
    (pyarrow.timestamp("us"), TIMES),
    (pyarrow.timestamp("ns"), TIMES),
    (pyarrow.timestamp("s", "Europe/Vienna"), TIMES.map(lambda one: one.replace(microsecond=0))),
    (pyarrow.time64("us"), st.times()),
    (pyarrow.time32("s"), st.times().map(lambda one: one.replace(microsecond=0))),
    (pyarrow.duration("us"), st.timedeltas(timedelta(-9999), timedelta(9999))),
    (pyarrow.decimal128(9, 2), st.integers(-999, 999).map(lambda cents: Decimal(cents).scaleb(-2))),
    (pyarrow.list_(pyarrow.int64()), st.lists(st.integers(-9, 9), max_size=3)),
    (pyarrow.struct({"a": pyarrow.int64()}), st.fixed_dictionaries({"a": st.integers(0, 9)})),
]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=lambda one: str(one)[:30])
@settings(max_examples=examples(20))
@given(data=st.data())
def test_the_hash_is_of_the_value_whatever_lies_around_it(kind, values, data):
    """Neither chunks, slices nor nulls beside it change a value's hash, and different values have different ones."""
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=12))
    array = pyarrow.array(drawn, kind)
    whole = column_hashes(pyarrow.chunked_array([array])).tolist()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn)), max_size=3)))
    edges = zip([0, *cuts], [*cuts, len(drawn)], strict=True)
    pieces = [array.slice(start, stop - start) for start, stop in edges]
    assert column_hashes(pyarrow.chunked_array(pieces, kind)).tolist() == whole
    alone = [column_hashes(pyarrow.chunked_array([pyarrow.array([one], kind)])) for one in drawn]
    assert [int(one[0]) for one in alone] == whole
    shown = list(map(repr, array.to_pylist()))
    assert len({*zip(shown, whole, strict=True)}) == len({*shown}) == len({*whole})


@pytest.mark.parametrize(
    ("kinds", "values"),
    [
        (["int8", "int64", "uint8", "uint64"], [0, 1, 127, None]),
        (["uint32", "int64", "uint64"], [2**32 - 1, None]),
        (["float16", "float32", "float64"], [0.0, -0.0, 1.5, float("nan"), None]),
        (["string", "large_string", "string_view"], ["", "a", "x" * 128, "x" * 129, None]),
        (["binary", "large_binary", "binary_view"], [b"", b"a", b"x" * 129, None]),
        (["date32", "date64"], [date(1969, 12, 31), date(2026, 1, 1), None]),
    ],
    ids=lambda one: str(one[0]),
)
def test_equal_values_of_other_types_have_equal_hashes(kinds, values):
    """A file that is written anew with wider numbers or another kind of text has not changed."""
    found = [
        column_hashes(pyarrow.chunked_array([pyarrow.array(values, getattr(pyarrow, kind)())]))
        for kind in kinds
    ]
    assert {tuple(one) for one in found} == {tuple(found[0])}
    assert len({*found[0]}) == len(values)


def test_times_are_the_same_in_every_unit():
    """What differs is the time, the zone, and nanoseconds, which are more than Python's times have."""
    columns = [pyarrow.array([1], pyarrow.timestamp(unit)) for unit in ("s", "ms", "us", "ns")]
    equal = [
        pyarrow.array([1, 1_000, 1_000_000, 1_000_000_000][n : n + 1], column.type)
        for n, column in enumerate(columns)
    ]
    hashes = [int(column_hashes(pyarrow.chunked_array([one]))[0]) for one in (*equal, *columns[1:])]
    assert len({*hashes[:4]}) == 1
    zoned = [pyarrow.array([1], pyarrow.timestamp("s", zone)) for zone in ("UTC", "Europe/Vienna")]
    more = [int(column_hashes(pyarrow.chunked_array([one]))[0]) for one in zoned]
    assert len({*hashes, *more}) == 6
    for kind in (pyarrow.time32("s"), pyarrow.duration("s"), pyarrow.int64(), pyarrow.date32()):
        made = column_hashes(pyarrow.chunked_array([pyarrow.array([1], kind)]))
        assert int(made[0]) not in hashes


def test_a_column_has_the_hashes_of_its_values_as_python_objects():
    """Text, integers and floats have the same contents in a list as in a table."""
    for values in ([1, -1, 2**40], ["a", "b" * 200], [1.5, float("inf")]):
        column = column_hashes(pyarrow.chunked_array([pyarrow.array(values)]))
        assert column.tolist() == value_hashes(values).tolist()
