"""The results of a call: a sequence, wherever they are kept."""

import datetime
import os
import pickle
import subprocess
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fanout_pipeline
from fanout_pipeline import ItemFailed, NoResults, Options, Results, fan_out, read_results

pytestmark = pytest.mark.usefixtures("leaves_nothing")

COUNT = 2500
"""More than are read at a time."""
PLACES = ("memory", "folder")
VALUES = {
    "integers": [1, None, 2**62 + 1],
    "huge integers": [2**80, None, -1],
    "floats": [0.1, None, float("inf")],
    "truths": [True, None, False],
    "texts": ["a", None, "naïve\n"],
    "bytes": [b"\0", None, b""],
    "decimals": [Decimal("1.50"), None, Decimal(7)],
    "identifiers": [UUID(int=7), None, UUID(int=2**127)],
    "dates": [datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1)],
    "times": [datetime.datetime(2026, 11, 28, 12, tzinfo=ZoneInfo("Asia/Tokyo")), None, None],
    "durations": [datetime.timedelta(microseconds=1), None, datetime.timedelta(-1)],
    "lists": [[1, None], None, []],
    "dicts": [{"a": [Decimal(1)], "b": None}, None, {"a": [], "b": {"c": "d"}}],
    "nothing": [None, None, None],
}


def square(number):
    return number * number


def odd(number):
    if number % 2 == 0:
        raise ValueError("even")
    return number


@pytest.fixture(params=PLACES)
def kept_in(request, tmp_path):
    """A call whose results are kept in memory, or in files."""
    return partial(fan_out, folder=None if request.param == "memory" else tmp_path / "out")


@pytest.fixture
def squares(kept_in):
    with kept_in(square, range(COUNT), options=Options(chunks=4)) as results:
        yield results


@pytest.fixture(params=PLACES, scope="module")
def module_squares(request, tmp_path_factory):
    folder = None if request.param == "memory" else tmp_path_factory.mktemp("squares") / "out"
    with fan_out(square, range(COUNT), folder=folder) as results:
        yield results


EXPECTED = [n * n for n in range(COUNT)]


def test_a_sequence(squares):
    """It has a length, is iterated over as often as one likes, and is searched as others are."""
    assert isinstance(squares, Results)
    assert len(squares) == COUNT
    assert list(squares) == list(squares) == EXPECTED
    assert list(reversed(squares)) == EXPECTED[::-1]
    assert 49 in squares
    assert squares.index(49) == 7
    assert squares
    with pytest.raises(IndexError):
        squares[COUNT]
    with pytest.raises(IndexError):
        squares[-COUNT - 1]


EDGES = st.none() | st.integers(-COUNT - 5, COUNT + 5) | st.sampled_from([1023, 1024, 1025])


@given(data=st.data())
def test_any_part_of_it(module_squares, data):
    """By position and slice it gives what a list gives."""
    position = data.draw(st.integers(-COUNT, COUNT - 1))
    assert module_squares[position] == EXPECTED[position]
    step = data.draw(st.sampled_from([None, 1, -1, 700, -700]))
    part = slice(data.draw(EDGES), data.draw(EDGES), step)
    assert module_squares[part] == EXPECTED[part]


@pytest.mark.parametrize("kind", VALUES)
def test_values(kind, tmp_path):
    """The same values come back of both, as they were returned, and in the same types in every frame."""
    values = VALUES[kind]
    of_memory, of_files = (
        fan_out(values.__getitem__, range(3), folder=folder, strategy="serial")
        for folder in (None, tmp_path / "out")
    )
    assert list(of_memory) == list(of_files) == values
    assert list(map(repr, of_files)) == list(map(repr, values))
    assert of_memory.to_arrow().equals(of_files.to_arrow(), check_metadata=True)
    assert of_memory.to_pandas().equals(of_files.to_pandas())
    assert of_memory.to_polars().equals(of_files.to_polars(), null_equal=True)


def test_frames(squares):
    """Each has the indexes of the items, and the results."""
    columns = {"index": list(range(COUNT)), "result": EXPECTED}
    assert squares.to_pandas().to_dict("list") == columns
    assert squares.to_arrow().to_pydict() == columns
    assert squares.to_polars().to_dict(as_series=False) == columns


def test_what_has_no_common_type():
    """Objects of any types can be kept in memory; a frame of them is refused."""
    results = fan_out([1, "a", 2].__getitem__, range(3))
    assert list(results) == [1, "a", 2]
    with pytest.raises(TypeError, match="int and str"):
        results.to_pandas()


def test_polars_is_not_needed(squares, monkeypatch):
    """Where it is not installed the error says how to."""
    monkeypatch.setitem(sys.modules, polars.__name__, None)
    with pytest.raises(ImportError, match="pip install polars"):
        squares.to_polars()


@pytest.mark.parametrize("failed_items", ["null", "omit"])
def test_failures(kept_in, failed_items):
    """Failed items are listed in either, and have no result or no row; the index says which those are."""
    options = Options(on_error="quarantine", failed_items=failed_items, chunks=2)
    results = kept_in(odd, range(6), options=options)
    expected = [None, 1, None, 3, None, 5] if failed_items == "null" else [1, 3, 5]
    assert list(results) == expected
    assert [results[n] for n in range(len(results))] == expected
    frame = results.to_pandas()
    assert frame["index"].tolist() == (list(range(6)) if failed_items == "null" else [1, 3, 5])
    failures = results.failures
    assert failures.columns.tolist() == [
        "index",
        "where",
        "item",
        "error_type",
        "message",
        "traceback",
    ]
    assert failures["index"].tolist() == [0, 2, 4]
    assert failures["where"][1] == "item 3 of range(0, 6)"
    assert failures.dtypes.tolist() == fan_out(abs, [1], strategy="serial").failures.dtypes.tolist()
    results.close()


def test_no_results(kept_in):
    """Of no items there are none, and no failures."""
    results = kept_in(square, [])
    assert (len(results), list(results), results[:]) == (0, [], [])
    assert not results
    assert results.to_arrow().num_rows == results.to_pandas().shape[0] == len(results.failures) == 0


def test_one_is_read_without_the_others(tmp_path):
    """A result in the middle of a folder is there though the files of others are gone."""
    results = fan_out(square, range(COUNT), options=Options(chunks=5), folder=tmp_path / "out")
    (tmp_path / "out" / "part-00000.parquet").unlink()
    (tmp_path / "out" / "part-00004.parquet").unlink()
    assert results[COUNT // 2] == EXPECTED[COUNT // 2]
    with pytest.raises(NoResults, match="part-00000"):
        results[0]


def test_shown(squares):
    """It says how many there are, how they were made, and the first few, shortened."""
    assert repr(squares).startswith(f"<{COUNT:,} Results, {squares.record.strategy}, ")
    assert repr(squares).endswith(" s: [0, 1, 4, 9, 16, …]>")
    assert len(repr(fan_out("x".__mul__, [10**6] * 9))) < 3000


def test_closed(squares):
    """After `close()`, or the end of a `with` block, there are none, and the error says so."""
    squares.close()
    squares.close()
    assert repr(squares) == "<closed Results>"
    with pytest.raises(ValueError, match="closed"):
        squares[0]


def test_a_temporary_folder_goes_with_them(temp_folder):
    """It is there as long as they are; those that were pickled need none."""
    before = set(temp_folder.iterdir())
    results = fan_out(square, [3], strategy="serial", unpack=True)
    assert read_results(results.path)["result"].tolist() == [9]
    copy = pickle.loads(pickle.dumps(results))
    del results
    assert set(temp_folder.iterdir()) == before
    assert (
        list(pickle.loads(pickle.dumps(copy))) == list(copy) == copy.to_pandas()["result"].tolist()
    )
    assert (copy[0], copy.path, copy.record.strategy) == (9, None, "serial")


def test_pickled_from_memory():
    """Results in memory travel with all that they are."""
    results = fan_out(odd, range(3), options=Options(on_error="quarantine"))
    copy = pickle.loads(pickle.dumps(results))
    assert list(copy) == [None, 1, None]
    assert copy.failures.equals(results.failures)
    assert copy.path is None


def test_a_folder_stays(tmp_path):
    """One that was named is nobody's to remove, and pickled they are still in it."""
    results = fan_out(square, [3], folder=tmp_path / "out")
    data = pickle.dumps(results)
    results.close()
    assert list(pickle.loads(data)) == [9]


def test_partial_results_are_numbered():
    """What an error carries may have gaps: the index says of which items the results are."""
    with pytest.raises(ItemFailed) as raised:
        fan_out(odd, [1, 3, 4, 5], strategy="serial")
    results = raised.value.results
    assert results.record is None
    assert results.to_pandas()["index"].tolist() == [0, 1]
    assert "of a run that has ended early: [1, 3]" in repr(results)
    results.close()


def test_the_end_of_python(tmp_path):
    """Then no folder is left, and neither a fork nor a pickle takes it away before."""
    program = """
import multiprocessing, os, sys
from fanout_pipeline import fan_out

results = fan_out(abs, [-1, -2], strategy="serial", unpack=True)
pid = os.fork()
if pid == 0:
    results.close()
    sys.exit()
os.waitpid(pid, 0)
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.apply(list, [results]), list(results))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(fanout_pipeline.__file__).parents[1],
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.stdout == "[1, 2] [1, 2]\n"
    assert list(tmp_path.iterdir()) == []
