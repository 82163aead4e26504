"""Times of Arrow as items: Python's where these hold them, else pandas'."""

import datetime
import subprocess
import sys

import pandas
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import Parquet
from fanout_pipeline.sources.rows import Rows
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

NS = pyarrow.timestamp("ns")
KINDS = {
    NS: pandas.Timestamp,
    pyarrow.timestamp("ns", "Europe/Berlin"): lambda ns: pandas.Timestamp(ns, tz="Europe/Berlin"),
    pyarrow.timestamp("ns", "+02:00"): lambda ns: pandas.Timestamp(
        ns, tz=datetime.timezone(datetime.timedelta(hours=2))
    ),
    pyarrow.duration("ns"): pandas.Timedelta,
}
PYTHON = {
    pandas.Timestamp: pandas.Timestamp.to_pydatetime,
    pandas.Timedelta: pandas.Timedelta.to_pytimedelta,
}
COUNTS = st.integers(-(2**62), 2**62)
NANOSECONDS = st.lists(st.none() | COUNTS | COUNTS.map(lambda ns: ns // 1000 * 1000), max_size=6)
"""Half of them are whole microseconds."""


def as_it_should_be(nanoseconds, kind):
    if nanoseconds is None:
        return None
    value = KINDS[kind](nanoseconds)
    return value if nanoseconds % 1000 else PYTHON[type(value)](value)


def table_of(nanoseconds, kind):
    return pyarrow.table({"at": pyarrow.array(nanoseconds, pyarrow.int64()).cast(kind)})


ZONED = pyarrow.timestamp("us", "America/St_Johns")


@example([1_699_156_800_000_000, 1_699_160_400_000_000])  # before and after clocks were set back
@given(st.lists(st.none() | st.integers(-(10**16), 10**16), max_size=6))
@settings(max_examples=examples(30), deadline=None)
def test_times_with_zones_are_those_of_pyarrow(microseconds):
    """Their zones and, when clocks are set back, their folds included."""
    array = pyarrow.array(microseconds, pyarrow.int64()).cast(ZONED)
    assert repr(list(Rows(pyarrow.table({"at": array}), plain=True))) == repr(array.to_pylist())


@settings(max_examples=examples(60), deadline=None)
@given(nanoseconds=NANOSECONDS, kind=st.sampled_from(list(KINDS)), data=st.data())
def test_each_is_what_holds_it(nanoseconds, kind, data):
    """By itself: neither its neighbours nor where the rows are cut change what it is."""
    expected = [as_it_should_be(one, kind) for one in nanoseconds]
    rows = Rows(table_of(nanoseconds, kind), plain=True)
    assert repr(list(rows)) == repr(expected)
    start = data.draw(st.integers(0, len(expected)))
    stop = data.draw(st.integers(start, len(expected)))
    assert repr(rows[start:stop]) == repr(expected[start:stop])


FEW, NONE = 1_700_000_000_000_000_001, 1_700_000_000_000_001_000


@pytest.mark.parametrize(
    "kind",
    [
        pyarrow.list_(NS),
        pyarrow.list_(NS, 1),
        pyarrow.large_list(NS),
        pyarrow.struct({"at": NS, "n": pyarrow.int64()}),
        pyarrow.list_(pyarrow.struct({"at": NS})),
        pyarrow.map_(pyarrow.string(), NS),
    ],
    ids=str,
)
@pytest.mark.parametrize("counts", [[NONE, NONE], [FEW, NONE]], ids=["exact", "mixed"])
def test_those_in_nested_values_are_too(kind, counts):
    """In lists, structs and maps."""

    def nested(at):
        if pyarrow.types.is_struct(kind):
            return {"at": at, "n": 1}
        if pyarrow.types.is_map(kind):
            return [("k", at)]
        return [{"at": at}] if pyarrow.types.is_struct(kind.value_type) else [at]

    array = pyarrow.array([*(nested(pandas.Timestamp(one)) for one in counts), None], kind)
    found = list(Rows(pyarrow.table({"x": array}), plain=True))
    expected = [nested(as_it_should_be(one, NS)) for one in counts]
    assert repr(found) == repr([*expected, None])


def test_categories_are_too():
    """A dictionary of times."""
    array = pyarrow.array([FEW, NONE, FEW], pyarrow.int64()).cast(NS).dictionary_encode()
    expected = [as_it_should_be(one, NS) for one in (FEW, NONE, FEW)]
    assert repr(list(Rows(pyarrow.table({"x": array}), plain=True))) == repr(expected)


def test_they_are_the_same_in_any_chunks(tmp_path):
    """One value with nanoseconds in a file does not change what the others are."""
    counts = [FEW if n == 70 else n * 1000 for n in range(100)]
    path = tmp_path / "a.parquet"
    parquet.write_table(table_of(counts, NS), path, row_group_size=10)
    source = Parquet(str(path), columns=("at",))
    expected = [as_it_should_be(one, NS) for one in counts]
    for wanted in (1, 3, 100):
        assert repr(read(source, wanted)) == repr(expected)


PROGRAM = """
import sys
from fanout_pipeline import Parquet
source = Parquet(sys.argv[1])
(chunk,) = source.chunks(1)
print([type(value).__name__ for value in next(iter(source.read(chunk))).values()], "pandas" in sys.modules)
"""


def test_pandas_is_not_imported_for_what_python_holds(tmp_path):
    """Workers that read timestamps, with time zones or without, start as fast and stay as small as others."""
    columns = {
        str(kind): pyarrow.array([NONE if kind in KINDS else NONE // 1000], pyarrow.int64()).cast(
            kind
        )
        for kind in (*KINDS, ZONED)
    }
    table = pyarrow.table(columns)
    parquet.write_table(table, tmp_path / "a.parquet")
    command = [sys.executable, "-c", PROGRAM, tmp_path / "a.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{[*['datetime'] * 3, 'timedelta', 'datetime']} False\n"
