"""Results go into an Arrow column and come back as they were, or are refused."""

import datetime
import struct
from decimal import Decimal

import numpy
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.results.types.arrow_types import metadata_of, to_python
from fanout_pipeline.results.types.column import to_column

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
    | st.lists(st.datetimes().map(lambda time: time.replace(fold=0)))
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
    column, kind = to_column(results)
    assert column.type == pyarrow.int64()
    assert not metadata_of(kind)


@pytest.mark.parametrize("results", [[1, 2**63], [-(2**63) - 1, None]])
def test_wider_integers_are_marked_text(results):
    """One integer too wide for 64 bits makes its part decimal text that says it holds integers."""
    column, kind = to_column(results)
    assert column.to_pylist() == [None if value is None else str(value) for value in results]
    assert metadata_of(kind) == {b"fanout": b"integer"}


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
        [0.5, True],
        [[1], [0.5]],
        [[1, 0.5]],
        [{"a": 1}, {"a": "1"}],
        [{"a": [{"b": None}, {"b": 1}]}, {"a": [{"b": 0.5}]}],
        [{"a": [1, "1"]}],
        [Decimal(1), 1],
        [{1: 2}],
        [{1, 2}],
        [datetime.time(5, tzinfo=datetime.UTC)],
        [datetime.timedelta.max],
        [numpy.longdouble(1)],
        [numpy.float32(0.5), 1],
        ["a", b"b"],
        [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 5, tzinfo=datetime.UTC)],
        [[1], 1],
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


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([1, 2, 0.5, "a"], r"returns float and int; .* \(item 12 is the first that differs\)"),
        (["a", None, b"a"], r"returns bytes and str; .* \(item 12 is the first that differs\)"),
        ([[1], [], [0.5]], r"returns float and int in result\[\]; .* \(item 12 is"),
        (
            [{"a": {"b": 1}}, {"a": {"b": []}}],
            r"int and list in result\['a'\]\['b'\]; .* \(item 11",
        ),
        ([[None], [[1, "a"]]], r"returns int and str in result\[\]\[\]; .* \(item 11 is"),
        ([{}, {1: 2}], "item 11: a dict with the key 1: keys must be strings"),
    ],
    ids=["plain", "null", "list", "dict", "in one item", "key"],
)
def test_the_first_odd_result_is_named(results, message):
    """One odd result among a million is found: its index, the two types, and where inside of it."""
    with pytest.raises(TypeError, match=message):
        to_column(results, range(10, 10 + len(results)))


mixable = [1, 0, 2**70, True, False, None, 0.5, "a", numpy.int8(3), numpy.uint64(2**64 - 1)]
mixable += [numpy.float32(0.1), numpy.float64(0.1), numpy.bool_(True), numpy.str_("b"), [1], [], {}]


@settings(deadline=None)
@given(data=st.data(), results=st.lists(st.sampled_from(mixable), max_size=6))
def test_what_is_accepted_does_not_depend_on_the_order(data, results):
    """The same results in another order are stored, too, as the same type, or refused, too."""

    def outcome(results):
        try:
            column, kind = to_column(results)
        except TypeError:
            return "refused"
        return (column.type, kind) if results and column.null_count < len(column) else "stored"

    assert outcome(data.draw(st.permutations(results))) == outcome(results)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([False, 1, None, 2**70], [0, 1, None, 2**70]),
        ([numpy.int64(5), 6, numpy.bool_(True)], [5, 6, 1]),
        ([0.0, numpy.sqrt(2.0), numpy.float32(0.5)], [0.0, 2.0**0.5, 0.5]),
        ([numpy.bool_(True), False], [True, False]),
        ([numpy.str_("a"), "b", None], ["a", "b", None]),
        ([numpy.array([1, 2]), [3]], [[1, 2], [3]]),
        ([{"a": numpy.float32(0.5)}, {"a": 1.5}], [{"a": 0.5}, {"a": 1.5}]),
    ],
    ids=["bool", "integers", "floats", "bools", "texts", "arrays", "nested"],
)
def test_numpy_s_values_are_the_python_ones_that_they_equal(results, expected):
    """NumPy's scalars may stand beside Python's, and a bool beside integers, in any order."""
    for given_, wanted in ((results, expected), (results[::-1], expected[::-1])):
        read = back(given_)
        assert read == wanted
        assert list(map(type, read)) == list(map(type, wanted))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([(1, 2), [3]], [[1, 2], [3]]),
        ([{"a": 1}, {"b": 2}], [{"a": 1, "b": None}, {"a": None, "b": 2}]),
        ([{}, None], [{}, None]),
        ([{}, {"a": []}], [{"a": None}, {"a": []}]),
        ([[True, 2]], [[1, 2]]),
        ([{"a": 2**70}, {"a": 1}], [{"a": 2**70}, {"a": 1}]),
        ([[2**53 + 1, None]], [[2**53 + 1, None]]),
    ],
    ids=["tuple", "keys", "no keys", "some keys", "bool", "wide", "null"],
)
def test_nested_results_are_stored_by_the_rules(results, expected):
    """Tuples are lists, a key that a dict lacks is null, integers are exact: as is documented."""
    read = back(results)
    assert read == expected
    assert repr(read) == repr(expected)
