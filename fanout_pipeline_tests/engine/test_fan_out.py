"""A function over many items, as one call."""

import datetime
import functools
import gc
import logging
import math
import operator
import subprocess
import sys
import weakref
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fanout_pipeline
from fanout_pipeline import (
    BadInput,
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    Options,
    TextLines,
    fan_out,
    read_results,
)
from fanout_pipeline_tests.chance import examples

pytestmark = pytest.mark.usefixtures("leaves_nothing")

BERLIN = ZoneInfo("Europe/Berlin")


def same(item):
    return item


def half(number):
    return number / 2


def fails_at_7(number):
    if number == 7:
        raise ValueError("seven")
    return number


async def awaited(item):
    return item


class Marked(NamedTuple):
    name: str
    score: float | None


@pytest.mark.parametrize(
    "items",
    [
        [3, 1, 2],
        (3, 1, 2),
        range(3, 0, -1),
        deque([3, 1, 2]),
        (n for n in (3, 1, 2)),
        numpy.array([3, 1, 2]),
        pandas.Series([3, 1, 2]),
        polars.Series([3, 1, 2]),
        pyarrow.array([3, 1, 2]),
    ],
    ids=lambda items: type(items).__name__,
)
@pytest.mark.parametrize("strategy", [None, "serial", "threads"])
def test_items(items, strategy):
    """Whatever has items is taken, and the results are in their order."""
    if hasattr(items, "gi_frame"):
        items = (n for n in (3, 1, 2))
    expected = [3, 2, 1] if isinstance(items, range) else [3, 1, 2]
    assert list(fan_out(same, items, strategy=strategy)) == expected


def test_a_source(tmp_path, monkeypatch):
    """A source is taken, too; its path is relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("numbers.txt").write_text("1\n2\n")
    assert list(fan_out(half, IntegerLines("numbers.txt"))) == [0.5, 1.0]


FRAMES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "arrow": pyarrow.table}
TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1))  # noqa: DTZ001
IN_BERLIN = TIMES.map(lambda when: when.replace(tzinfo=datetime.UTC, fold=0).astimezone(BERLIN))


@pytest.mark.parametrize("frame", FRAMES)
def test_rows(frame):
    """Rows are dicts of Python's values; of one column the function gets its plain values."""
    items = FRAMES[frame]({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})
    assert list(fan_out(same, items, columns=["a", "b"])) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert list(fan_out(half, items, columns=["a"])) == [0.5, 1.0]
    found = fan_out(half, items, columns=["a"], key="b", keep=["c"]).to_pandas()
    assert found.to_dict("list") == {
        "index": [0, 1],
        "b": ["x", "y"],
        "c": [0.5, 1.5],
        "result": [0.5, 1.0],
    }


COLUMNS = {
    "int64 beside nulls": st.none() | st.integers(-(2**63), 2**63 - 1),
    "float": st.none() | st.floats(allow_nan=False),
    "text": st.none() | st.text(max_size=5),
    "truth": st.none() | st.booleans(),
    "time in a zone": st.none() | IN_BERLIN,
    "time": st.none() | TIMES.map(lambda when: when.replace(fold=0)),
    "decimal": st.none() | st.decimals(-1000, 1000, places=3),
    "list": st.none() | st.lists(st.none() | st.integers(-9, 9), max_size=3),
    "dict": st.none()
    | st.fixed_dictionaries({"a": st.none() | st.integers(-9, 9), "b": st.booleans()}),
    "category": st.none() | st.sampled_from(["red", "green"]),
}
ARROW = {
    "int64 beside nulls": pyarrow.int64(),
    "float": pyarrow.float64(),
    "text": pyarrow.string(),
    "truth": pyarrow.bool_(),
    "time in a zone": pyarrow.timestamp("us", "Europe/Berlin"),
    "time": pyarrow.timestamp("us"),
    "decimal": pyarrow.decimal128(10, 3),
    "list": pyarrow.list_(pyarrow.int64()),
    "dict": pyarrow.struct({"a": pyarrow.int64(), "b": pyarrow.bool_()}),
    "category": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
}


def tables():
    """Columns of the same length, one of each kind."""
    return st.integers(1, 5).flatmap(
        lambda rows: st.fixed_dictionaries(
            {name: st.lists(kind, min_size=rows, max_size=rows) for name, kind in COLUMNS.items()}
        )
    )


class Noted:
    """A function that keeps what it is called with, and gives an integer."""

    def __init__(self):
        self.items = []

    def __call__(self, item):
        self.items.append(item)
        return len(self.items)


@settings(max_examples=examples(60))
@given(tables(), st.sampled_from(["arrow", "polars", "pandas"]))
def test_values_of_frames(columns, form):
    """Each value reaches the function as Python would have it, through whatever frame and the spool."""
    table = pyarrow.table(
        {name: pyarrow.array(values, ARROW[name]) for name, values in columns.items()}
    )
    frame = {
        "arrow": lambda: table,
        "polars": lambda: polars.from_arrow(table),
        "pandas": lambda: table.to_pandas(types_mapper=pandas.ArrowDtype),
    }[form]()
    noted = Noted()
    fan_out(noted, frame, strategy="serial")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert noted.items == rows
    for found, row in zip(noted.items, rows, strict=True):
        assert {name: type(one) for name, one in found.items()} == {
            name: type(one) for name, one in row.items()
        }
        assert str(found["time in a zone"]) == str(row["time in a zone"])


def test_temporary_files_go_with_their_results():
    """Whoever keeps no results keeps no files, without waiting for Python to collect garbage."""

    def path_of_results():
        return fan_out(same, [1], strategy="serial", unpack=True).path

    gc.disable()
    try:
        assert not path_of_results().exists()
    finally:
        gc.enable()


@settings(max_examples=examples(60))
@given(tables())
def test_results_of_all_types(columns):
    """A result is read back as it was returned, from a folder, whatever it holds."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    results = fan_out(rows.__getitem__, range(len(rows)), strategy="serial", unpack=True)
    assert results.path is not None
    assert list(results) == rows
    assert [results[n] for n in range(len(rows))] == rows


def test_missing_values():
    """NaN stays a float beside None, and integers of any size and Decimals stay themselves."""
    values = [math.nan, None, 1.5]
    found = list(fan_out(same, values, strategy="serial", unpack=True))
    assert math.isnan(found[0])
    assert found[1:] == [None, 1.5]
    assert list(fan_out(same, [2**80, None, 1], strategy="serial", unpack=True)) == [2**80, None, 1]
    assert (
        fan_out(same, [Decimal("1.50"), None], strategy="serial", unpack=True)[0]
        .as_tuple()
        .exponent
        == -2
    )


def test_any_objects():
    """Items need not be of a table: they travel pickled."""
    items = [{1, 2}, Path("a"), ItemFailed, 1j]
    assert list(fan_out(repr, items, strategy="multiprocess")) == list(map(repr, items))


def test_columns_of_results():
    """`unpack` and `result_type` say which columns there are."""
    results = fan_out(
        lambda name: Marked(name, None),
        ["a", "b"],
        unpack=True,
        result_type=Marked,
        strategy="threads",
    )
    assert results.to_arrow().schema.names == ["index", "name", "score"]
    assert list(results) == [{"name": "a", "score": None}, {"name": "b", "score": None}]


def test_a_batch_function():
    """Given beside the function it is called where the strategy calls batches."""
    results = fan_out(
        half, [1, 2, 3], batch_function=lambda batch: batch / 2, strategy="vectorized"
    )
    assert list(results) == [0.5, 1.0, 1.5]
    assert results.record.strategy == "vectorized"


def iter_of_c(item):
    return (item for _ in range(2)) if item == "c" else item


WRONG = {
    "not callable": (
        lambda: fan_out("text", [1]),
        TypeError,
        "of type str, which cannot be called",
    ),
    "no parameter": (lambda: fan_out(lambda: 1, [1]), TypeError, r"called with the item: too many"),
    "two parameters": (lambda: fan_out(pow, [1]), TypeError, r"pow\(base, exp.* missing .*'exp'"),
    "no parameter of setup": (
        lambda: fan_out(same, [1], setup=dict),
        TypeError,
        "called with the item, and the value of setup",
    ),
    "a resource that setup does not take": (
        lambda: fan_out(operator.add, [1], setup=half, resources={"api": 1}),
        TypeError,
        r"half\(number\) is called with resources api: missing a required argument: 'number'",
    ),
    "a resource that is not there": (
        lambda: fan_out(operator.add, [1], setup=half),
        TypeError,
        "called with nothing, for there are no resources",
    ),
    "a batch function": (
        lambda: fan_out(same, [1], batch_function=lambda: 1),
        TypeError,
        "called with the item",
    ),
    "a dict": (
        lambda: fan_out(same, [1], options={"retries": 3}),
        TypeError,
        r"as in Options\(ret",
    ),
    "an unknown option": (lambda: Options(retires=3), TypeError, "Did you mean 'retries'"),
    "an unknown keyword": (lambda: fan_out(same, [1], stratgy="a"), TypeError, "mean 'strategy'"),
    "an unknown strategy": (
        lambda: fan_out(same, [1], strategy="multiproces"),
        ValueError,
        "Did you mean 'multiprocess'",
    ),
    "a baseline": (
        lambda: fan_out(same, [1], strategy="queue"),
        ValueError,
        "queue is kept for comparison only. Use multiprocess",
    ),
    "steps of Dagster": (
        lambda: fan_out(same, [1], strategy="dagster_multiprocess"),
        ValueError,
        "made of Dagster's steps",
    ),
    "two strategies": (
        lambda: fan_out(same, [1], strategy="serial", options=Options(strategy="threads")),
        ValueError,
        "say it once",
    ),
    "nothing to await": (
        lambda: fan_out(same, [1], strategy="asyncio"),
        ValueError,
        "the function of same is not async",
    ),
    "no batch function": (
        lambda: fan_out(same, [1], strategy="vectorized"),
        ValueError,
        "calls a batch function, and same has none",
    ),
    "no items": (lambda: fan_out(same, 3), TypeError, "items is of type int"),
    "a lazy frame": (lambda: fan_out(same, polars.LazyFrame()), TypeError, "Collect it first"),
    "a text": (lambda: fan_out(same, "abc"), TypeError, "may be one item itself"),
    "columns of a list": (lambda: fan_out(same, [1], columns=["a"]), TypeError, "for frames"),
    "columns as text": (lambda: fan_out(same, [1], columns="a"), TypeError, r"columns=\('a',\)"),
    "keep as text": (lambda: fan_out(same, [1], keep="a"), TypeError, r"keep=\('a',\)"),
    "depends_on as text": (
        lambda: fan_out(same, [1], depends_on="a"),
        TypeError,
        "a tuple of names",
    ),
    "columns of a source": (
        lambda: fan_out(same, TextLines("a.txt"), columns=["a"]),
        TypeError,
        "where the TextLines is made",
    ),
    "a key that is not there": (
        lambda: fan_out(same, pandas.DataFrame({"order_id": [1]}), key="orderid"),
        TypeError,
        "Did you mean 'order_id'",
    ),
    "removed items without a key": (
        lambda: fan_out(same, [1], removed="keep"),
        ValueError,
        "known by a key, and there is none: give key=",
    ),
    "removed items that are neither": (
        lambda: fan_out(same, [1], key="item", removed="kept"),
        ValueError,
        "removed must be one of drop, keep, not 'kept'",
    ),
    "a key of plain items": (lambda: fan_out(same, [1], key="id"), BadInput, "no column 'id'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_at_once(wrong):
    """Before anything is called, with what to write instead."""
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()


def test_a_result_that_no_worker_can_send_is_named():
    """By its item and its type, with what to do about it."""
    message = (
        r"item 2 \(item 3 of the list\), 'c', a generator, cannot be pickled.*strategy='serial'"
    )
    with pytest.raises(TypeError, match=message):
        fan_out(iter_of_c, list("abc"), strategy="multiprocess", options=Options(workers=1))


def test_a_file_that_is_not_there_is_looked_for_in_the_working_directory():
    """A call has no data root, so its error names none."""
    with pytest.raises(BadInput, match="relative to the working directory") as raised:
        fan_out(same, TextLines("not_there.txt"))
    assert "FANOUT_DATA" not in str(raised.value)


def test_a_position_that_is_not_there_is_named():
    """With the number of results that there are."""
    with pytest.raises(IndexError, match=r"no result 3: there are 3\."):
        fan_out(same, [1, 2, 3])[3]


def test_what_is_not_known_is_tried():
    """A built-in function that does not tell its parameters, a partial and an object may be called."""
    assert list(fan_out(dict, [[("a", 1)]])) == [{"a": 1}]
    assert list(fan_out(functools.partial(pow, 2), [3])) == [8]


@pytest.mark.parametrize(("strategy", "warned"), [("threads", 1), ("asyncio", 0)])
def test_async_functions(strategy, warned, caplog):
    """They work in every strategy, and the log says once what asyncio would bring."""
    with caplog.at_level(logging.INFO, "fanout_pipeline"):
        assert list(fan_out(awaited, range(500), strategy=strategy)) == list(range(500))
    lines = [one for one in caplog.records if "strategy='asyncio'" in one.message]
    assert [one.levelname for one in lines] == ["WARNING"] * warned


async def fails_at_7_later(number):
    return fails_at_7(number)


@pytest.mark.parametrize("strategy", [None, "serial", "threads", "asyncio", "multiprocess"])
def test_what_was_done_goes_with_the_error(strategy):
    """Without a folder nothing is lost: the error has the results so far, and no file outlives it."""
    options = Options(workers=1, concurrency=1, strategy=strategy)
    function = fails_at_7_later if strategy == "asyncio" else fails_at_7
    with pytest.raises(ItemFailed, match=r"item 7 \(item 8 of the list\), 7: ValueError") as raised:
        fan_out(function, list(range(10)), options=options)
    assert list(raised.value.results) == list(range(7))
    assert raised.value.__notes__ == [
        "7 results are kept, as the attribute `results` of this error."
    ]
    assert raised.value.results.to_pandas()["index"].tolist() == list(range(7))
    raised.value.results.close()


def test_a_folder_is_gone_on_with(tmp_path, caplog):
    """With one the same call goes on, and calls nothing again; other code begins anew."""
    mark = tmp_path / "corrected"

    def fails_at_first(number, version=1):
        if number == 7 and not mark.exists():
            raise ValueError("seven")
        return number

    call = functools.partial(fan_out, options=Options(chunks=10), folder=tmp_path / "out")
    with pytest.raises(ItemFailed) as raised:
        call(fails_at_first, range(10))
    assert (
        f"7 results are kept, in {tmp_path / 'out'}: the same call goes on"
        in raised.value.__notes__[0]
    )
    mark.touch()
    results = call(fails_at_first, range(10))
    assert (results.record.reused_items, list(results)) == (7, list(range(10)))
    assert results.path == tmp_path / "out"
    assert read_results(tmp_path / "out")["result"].tolist() == list(range(10))


@pytest.mark.parametrize(("version", "reused"), [("1", 7), ("2", 0)])
def test_a_version_stands_for_the_code(tmp_path, version, reused):
    """With `code_version` other code of the same version goes on, and the same code of another does not."""

    def number(item):
        if item == 7:
            raise ValueError("seven")
        return item

    call = functools.partial(fan_out, options=Options(chunks=10), folder=tmp_path / "out")
    with pytest.raises(ItemFailed):
        call(number, range(10), code_version="1")
    failing = number

    def number(item):
        return -item

    number.__qualname__ = failing.__qualname__
    results = call(number, range(10), code_version=version)
    assert results.record.reused_items == reused


def test_quarantine():
    """Failed items have no result, and are listed."""
    results = fan_out(fails_at_7, range(10), options=Options(on_error="quarantine"))
    assert results[6:9] == [6, None, 8]
    assert results.failures[["index", "error_type", "message"]].to_numpy().tolist() == [
        [7, "ValueError", "seven"]
    ]
    assert "1 failed" in repr(results)


class Kept:
    def __init__(self, item):
        self.item = item


@pytest.mark.parametrize("strategy", [None, "serial"])
def test_results_are_gone_with_their_last_reference(strategy):
    """However many they are: nobody waits for Python to look for cycles."""
    results = fan_out(Kept, ["a", "b"], strategy=strategy)
    kept = weakref.ref(results[1])
    assert kept().item == "b"
    del results
    assert kept() is None


def test_items_that_become_fewer():
    """A list that calls take items from is an error, as soon as one is missing."""
    items = list(range(10_000))
    with pytest.raises(
        BadInput, match=r"the list changed from 10,000 to \d,\d+ items while it was read"
    ):
        fan_out(lambda item: items.pop(), items, strategy="serial")


def test_nothing_heavy_is_imported():
    """To import the package takes next to nothing; to import the call, and to call, no pandas, numpy, pyarrow or dagster."""
    program = """
import sys, time
began = time.perf_counter()
import fanout_pipeline
seconds = time.perf_counter() - began
heavy = {"numpy", "pandas", "pyarrow", "dagster", "asyncio", "multiprocessing"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert len([name for name in sys.modules if name.startswith("fanout_pipeline")]) == 1
from fanout_pipeline import fan_out, Options, Results
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert list(fan_out(abs, [-1, 2])) == [1, 2]
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    root = Path(fanout_pipeline.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=60)


def test_it_says_what_a_spec_says():
    """What may be said of a fan-out may be said of a call, under the same name."""
    import inspect

    of_spec = set(inspect.signature(FanoutSpec).parameters) - {"source", "upstream", "import_path"}
    assert of_spec <= set(inspect.signature(fan_out).parameters)
    gc.collect()
