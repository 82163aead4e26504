"""Results of one type are of one kind, and read back as they were, however they were cut."""

import datetime
import math
import tempfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import iter_results, read_results, write_results
from fanout_pipeline.results.read import Snapshot, first_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.kinds import MixedTypes, common
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.chance import examples

BERLIN = ZoneInfo("Europe/Berlin")
EARLIEST, LATEST = map(datetime.datetime.fromisoformat, ["0002-01-01", "9998-12-31"])


def without_fold(times):
    return times.map(lambda time: time.replace(fold=0))


integers = st.integers() | st.integers(-(2**63), 2**63 - 1)
leaves = st.sampled_from(
    [
        integers,
        st.booleans(),
        integers | st.booleans(),
        st.floats(),
        st.text(max_size=3),
        st.binary(max_size=3),
        st.decimals(),
        without_fold(st.datetimes()),
        st.dates(),
        without_fold(st.times()),
        without_fold(st.datetimes(timezones=st.just(datetime.UTC))),
        # What exists there; see `test_times`.
        without_fold(st.datetimes(EARLIEST, LATEST, timezones=st.just(datetime.UTC))).map(
            lambda time: time.astimezone(BERLIN)
        ),
        st.none(),
    ]
)
keys = st.sampled_from(["a", "b", "", "a.b"])


def lists_of(values):
    return st.lists(values | st.none(), max_size=3)


def dicts_of(values):
    optional = {key: value | st.none() for key, value in values.items()}
    return st.fixed_dictionaries({}, optional=optional)


types = st.recursive(
    leaves,
    lambda inner: inner.map(lists_of) | st.dictionaries(keys, inner, max_size=3).map(dicts_of),
    max_leaves=5,
)
"""Strategies, each for the values that a function of one type may return."""


@st.composite
def cut_results(draw):
    """Results of one type, and where the parts begin and end."""
    results = draw(st.lists(draw(types) | st.none(), min_size=1, max_size=12))
    cuts = draw(st.lists(st.integers(0, len(results)), max_size=6))
    return results, sorted([0, *cuts, len(results)])


def write(folder, results, edges):
    target = ResultFolder(folder)
    with target.writing() as generation:
        parts = [
            write_part(generation, number, start, results[start:stop])
            for number, (start, stop) in enumerate(pairwise(edges))
        ]
        manifest = Manifest("test", tuple(parts))
        target.commit(generation, manifest)
    return manifest


@settings(deadline=None, max_examples=examples(100))
@given(cut_results())
@example(([[], [1]], [0, 1, 2]))
@example(([{"a": None}, {"a": "x"}], [0, 1, 2]))
@example(([{}, {"a": 1}, {}], [0, 1, 2, 3]))
@example(([{"a": 1, "b": 2}, {"b": 1, "a": 2}], [0, 1, 2]))
@example(([{"": None}, {}], [0, 1, 2]))
@example(([[{"a": {}}], [{"a": {"b": [True]}}, {"c": [2**70]}]], [0, 1, 2]))
@example(([Decimal("1.0"), Decimal("22.00"), Decimal("NaN"), Decimal("1E+100")], [0, 1, 2, 3, 4]))
@example(([False, 2**70, 1], [0, 1, 2, 3]))
def test_one_type_is_one_kind_however_it_is_cut(cut):
    """Digest, schema and values are the same whatever the parts, and the values those returned."""
    results, edges = cut
    with tempfile.TemporaryDirectory() as root:
        parts, whole = Path(root, "parts"), Path(root, "whole")
        one, other = write(parts, results, edges), write(whole, results, [0, len(results)])
        assert one.digest == other.digest
        assert one.kind == other.kind
        assert type_in(parts) == type_in(whole)
        read = first_results(parts, len(results))
        assert repr(read) == repr(first_results(whole, len(results)))
        assert all(map(as_returned, read, results))
        frame = read_results(parts)["result"]
        assert frame.dtype == read_results(whole)["result"].dtype


def type_in(folder):
    """The Arrow type that all batches have."""
    first, *others = (batch["result"].type for batch in Snapshot.of(folder).batches())
    assert all(other == first for other in others)
    return first


def as_returned(read, returned):
    """By the rules: a key that a dict lacks is null, a bool among integers the one that it equals."""
    if isinstance(returned, list):
        return len(read) == len(returned) and all(map(as_returned, read, returned))
    if isinstance(returned, dict):
        return set(read) >= set(returned) and all(
            as_returned(read[key], returned.get(key)) for key in read
        )
    if isinstance(returned, bool):
        return read == returned
    if isinstance(returned, float | Decimal):
        return repr(read) == repr(returned)
    return type(read) is type(returned) and read == returned


kinds = st.recursive(
    st.sampled_from(["null", "bool", "int64", "integer text", "double", "large_string"]),
    lambda inner: inner.map(lambda kind: [kind]) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=examples(300))
@given(kinds, kinds, kinds)
def test_what_kinds_have_in_common_does_not_depend_on_the_grouping(one, two, three):
    """Part by part or all at once, in any order: the same kind, or none."""

    def outcome(together):
        try:
            return together()
        except MixedTypes:
            return "mixed"

    outcomes = [
        outcome(lambda: common(common(one, two), three)),
        outcome(lambda: common(one, common(two, three))),
        outcome(lambda: common(common(three, one), two)),
    ]
    assert outcomes == outcomes[:1] * 3
    assert common(one, one) == common(one, "null") == common("null", one) == one


@pytest.mark.parametrize("part_items", [1, 10])
@pytest.mark.parametrize(
    "results",
    [
        [[2**53 + 1, None], None, []],
        [{"a": 2**53 + 1}, {"a": None}, {"a": 3}],
        [Decimal("0.10"), Decimal("-3E+50"), None],
        [{"prices": [Decimal("0.1"), None]}, {"prices": []}, {"prices": None}],
    ],
    ids=["list", "dict", "Decimal", "nested Decimal"],
)
def test_nested_results_are_read_as_python_values(tmp_path, results, part_items):
    """Lists, dicts and Decimals come back as such, and no integer in them as a float."""
    write_results(tmp_path / "r", results, part_items=part_items)
    assert repr(read_results(tmp_path / "r")["result"].tolist()) == repr(results)
    assert {frame["result"].dtype for frame in iter_results(tmp_path / "r")} == {
        read_results(tmp_path / "r")["result"].dtype
    }


@pytest.mark.parametrize(
    "stored",
    [
        pyarrow.list_(pyarrow.int64()),
        pyarrow.large_list(pyarrow.int64()),
        pyarrow.list_(pyarrow.int64(), 2),
        pyarrow.map_(pyarrow.string(), pyarrow.int64()),
        pyarrow.struct([pyarrow.field("a", pyarrow.int64())]),
    ],
    ids=str,
)
@pytest.mark.parametrize("nulls_first", [True, False])
def test_a_batch_function_s_nested_arrays_are_read_as_python_values(tmp_path, stored, nulls_first):
    """Arrow's nested types come back as Python values, beside parts of nothing but nulls, too."""
    big = 2**53 + 1
    value = {"map": [("a", big)], "struct": {"a": big}}
    value = next(
        (made for name, made in value.items() if str(stored).startswith(name)), [big, None]
    )
    columns = [pyarrow.array([value, None], stored), pyarrow.nulls(2)]
    if nulls_first:
        columns.reverse()
    target = ResultFolder(tmp_path / "r")
    with target.writing() as generation:
        parts = tuple(write_part(generation, n, 2 * n, column) for n, column in enumerate(columns))
        target.commit(generation, Manifest("test", parts))
    expected = [item for column in columns for item in column.to_pylist()]
    assert read_results(tmp_path / "r")["result"].tolist() == expected
    assert type_in(target.path)


@pytest.mark.parametrize("value", [math.nan, -0.0, math.inf])
def test_floats_in_lists_are_kept_to_the_bit(tmp_path, value):
    """What is special among floats is so inside of a list, too."""
    write_results(tmp_path / "r", [[value], [1.5]], part_items=1)
    assert repr(read_results(tmp_path / "r")["result"].tolist()) == repr([[value], [1.5]])
