"""What a program has in memory reaches the function as Python would have it."""

import datetime
import math
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import BadInput, Chunk, IntegerLines
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline_tests.sources.spool.test_spool import settled_in_temporary

BERLIN = ZoneInfo("Europe/Berlin")
WHEN = datetime.datetime(2024, 2, 29, 12, 30, 1, 234567, tzinfo=BERLIN)


@pytest.fixture
def items_of(tmp_path):
    """All items of what is in memory, read in three chunks of the spool."""

    def read(what, columns=None):
        with settled(as_source(what, columns), Path(tmp_path, "spool")) as source:
            return [item for chunk in source.chunks(3) for item in source.read(chunk)]

    return read


VALUES = {
    "integers": ([1, 2**62 + 1, -3], None),
    "integers beside nulls": ([2**62 + 1, None, 3], "Int64"),
    "huge integers": ([2**80, 1, None], object),
    "floats": ([1.5, None, -0.0], None),
    "truths": ([True, False, True], None),
    "truths beside nulls": ([True, None, False], "boolean"),
    "texts": (["a", None, "naïve"], None),
    "mixed": ([1, "a", None], object),
    "decimals": ([Decimal("1.50"), Decimal("2.125"), None], object),
    "times with a zone": ([WHEN, None, WHEN + datetime.timedelta(days=200)], None),
    "times": ([WHEN.replace(tzinfo=None), None, WHEN.replace(1900, 1, 1, tzinfo=None)], None),
    "durations": ([datetime.timedelta(seconds=5), None, datetime.timedelta(days=-1)], None),
    "dates": ([datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1)], object),
    "categories": (["red", None, "red"], "category"),
    "lists": ([[1, 2], None, []], object),
    "tuples": ([(1, "a"), None, ()], object),
    "dicts": ([{"a": 1}, {"b": [None]}, None], object),
    "bytes": ([b"a", None, b""], object),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_column_of_pandas(items_of, kind):
    """Each value has its Python type, whatever holds it in the frame; what is missing is None."""
    values, dtype = VALUES[kind]
    frame = pandas.DataFrame({"value": pandas.Series(values, dtype=dtype), "number": [0, 1, 2]})
    found = items_of(frame, ["value"])
    assert found == values
    assert list(map(type, found)) == list(map(type, values))
    assert list(map(str, found)) == list(map(str, values))
    rows = [{"value": value, "number": number} for number, value in enumerate(values)]
    assert items_of(frame) == rows
    assert items_of(frame["value"]) == values


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 2**63 - 1],
        ["a", None, ""],
        [Decimal("1.50"), None, Decimal("2.25")],
        [WHEN, None, WHEN],
        [[1, None], None, []],
        [{"a": 1, "b": None}, None, {"a": None, "b": "x"}],
        [b"a", None, b"b"],
        [math.inf, None, -0.0],
        [datetime.time(1, 2, 3, 4), None, datetime.time(0)],
    ],
)
def test_a_column_of_arrow_and_polars(items_of, values):
    """Values are what pyarrow gives, nested, with zones and beside nulls; polars goes through its Arrow interface."""
    table = pyarrow.table({"value": values, "number": [0, 1, 2]})
    rows = table.to_pylist()
    assert [row["value"] for row in rows] == values
    assert items_of(table) == rows
    assert items_of(table, ["value"]) == values
    assert items_of(table["value"]) == values
    assert (
        items_of(pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches())) == rows
    )
    assert items_of(polars.DataFrame(table)) == rows
    assert items_of(polars.DataFrame(table)["value"]) == values


def test_a_dictionary_with_more_entries_than_rows(items_of):
    """A few rows of a large categorical column do not take all of its categories with them."""
    many = pyarrow.array([f"category {number}" for number in range(100_000)])
    codes = pyarrow.array([99_999, None, 5], pyarrow.int32())
    table = pyarrow.table({"value": pyarrow.DictionaryArray.from_arrays(codes, many)})
    assert items_of(table, ["value"]) == ["category 99999", None, "category 5"]


def test_nanoseconds_are_kept(items_of):
    """Times that Python cannot hold are those of pandas."""
    when = pandas.Timestamp("2024-02-29 12:00:00.123456789")
    frame = pandas.DataFrame({"value": pandas.Series([when], dtype="datetime64[ns]")})
    assert items_of(frame, ["value"]) == [when]


def test_an_index_of_pandas_is_no_column(items_of):
    """Rows are those of the frame, in its order, whatever they are called."""
    frame = pandas.DataFrame({"a": [1, 2, 3]}, index=[7, 7, 9]).iloc[::-1]
    assert items_of(frame) == [{"a": 3}, {"a": 2}, {"a": 1}]


def test_columns_that_are_no_texts(items_of):
    """A frame may have numbers for names."""
    assert items_of(pandas.DataFrame([[1, "a"]])) == [{0: 1, 1: "a"}]


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "bool", "datetime64[us]", "U3"])
def test_an_array_of_numpy(items_of, dtype):
    """Its values are Python's own."""
    array = numpy.array([0, 1, 1], dtype=dtype)
    found = items_of(array)
    assert found == array.tolist()
    assert list(map(type, found)) == list(map(type, array.tolist()))


def test_rows_of_a_matrix(items_of):
    """Each is an array."""
    found = items_of(numpy.arange(6).reshape(3, 2))
    assert [row.tolist() for row in found] == [[0, 1], [2, 3], [4, 5]]


@given(st.lists(st.integers() | st.none() | st.text() | st.tuples(st.floats(allow_nan=False))))
def test_any_objects(items):
    """A list, a tuple, a set's iterator: what the loop over it would give."""
    with settled_in_temporary(items) as source:
        assert list(source.read(Chunk(0, 0, len(items)))) == items


def test_a_range_needs_no_spool():
    """However long it is."""
    source = as_source(range(0, 10**12, 3))
    last = source.chunks(4)[-1]
    assert source.read(Chunk(0, last.stop - 1, last.stop))[0] == range(0, 10**12, 3)[-1]


def test_a_source_is_itself():
    """So a call may be given either."""
    source = IntegerLines("numbers.txt")
    assert as_source(source) is source


@pytest.mark.parametrize("items", ["text", b"bytes", {"a": 1}, 5, None])
def test_what_has_no_items(items):
    """A text is not taken for its characters, nor a dict for its keys."""
    with pytest.raises(TypeError, match=r"Give a list|has no items"):
        as_source(items)


@pytest.mark.parametrize("make", [pandas.DataFrame, pyarrow.table, polars.DataFrame])
def test_a_column_that_is_not_there(make):
    """The error names those that are near."""
    with pytest.raises(TypeError, match=r"no column 'amuont'\. Did you mean 'amount'\?"):
        as_source(make({"amount": [1], "country": ["de"]}), columns=["amuont"])


@pytest.mark.parametrize("make", [pandas.DataFrame, pyarrow.table, polars.DataFrame])
@pytest.mark.parametrize("amount", [[1, 2], [Decimal(1), None]])
def test_columns_that_are_kept(tmp_path, make, amount):
    """They can be had beside the items, which do not have them."""
    source = as_source(
        make({"amount": amount, "id": ["a", "b"], "other": [0, 0]}), ["amount"], ["id"]
    )
    source.require_columns(["id", "amount"])
    with pytest.raises(BadInput, match="'other'"):
        source.require_columns(["other"])
    with settled(source, tmp_path / "spool") as found:
        items = found.read(Chunk(0, 0, 2))
        assert list(items) == amount
        assert items.as_arrow(["id"]).to_pydict() == {"id": ["a", "b"]}


def test_columns_of_what_has_none():
    """A list has no columns to choose from."""
    with pytest.raises(TypeError, match="for frames and tables, not for items of type list"):
        as_source([1], columns=["a"])


def test_an_iterator_is_read_once(tmp_path):
    """A second run would find nothing in it, and call that a success."""
    source = as_source(iter([1, 2]))
    with settled(source, tmp_path / "once"):
        pass
    with (
        pytest.raises(BadInput, match=r"list_iterator were consumed.*anew"),
        settled(source, tmp_path / "twice"),
    ):
        pass


def test_a_place_is_named():
    """As a person counts."""
    assert as_source([1]).locate(0) == "item 1 of the list"
    assert as_source(pandas.DataFrame({"a": [1]})).locate(6) == "row 7 of the DataFrame"
