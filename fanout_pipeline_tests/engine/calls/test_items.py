"""A chunk becomes its part, or an error that names the item, whichever worker has it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import IntegerLines, read_results
from fanout_pipeline.engine.calls.batch import process_batch
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control
from fanout_pipeline.engine.calls.rate import limiter_of, release
from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import ItemFailed, Stopped, short_repr
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline.squares import square, square_batch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    return folder


@pytest.fixture
def work(tmp_path, folder):
    """Work on a file with these lines."""

    def make(lines, function=None, batch_function=None, chunks=1):
        path = tmp_path / "numbers.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        source = IntegerLines(str(path))
        return Work(
            source, function, batch_function, source.chunks(chunks), LocalGeneration(folder)
        )

    return make


def run_as_batch(work, chunk):
    return process_batch(work, chunk).part


def run_by_item(work, chunk):
    outcome = process_chunk(work, chunk)
    outcome.raise_error()
    return outcome.part


def run(work, run_one=run_by_item):
    return [run_one(work, chunk) for chunk in work.chunks]


def results(work, parts):
    Manifest("test", tuple(parts)).save(work.generation)
    return read_results(work.generation.path)["result"].tolist()


@pytest.mark.parametrize("chunks", [1, 3, 7])
@pytest.mark.parametrize(
    ("run_one", "numbers"),
    [
        (run_by_item, range(-5, 95)),
        (run_by_item, range(2**32 - 50, 2**32 + 50)),
        (run_as_batch, range(-5, 95)),
        (run_as_batch, range(3_037_000_450, 3_037_000_550)),
        (run_as_batch, range(2**63 - 50, 2**63 + 50)),
        (run_by_item, []),
        (run_as_batch, []),
    ],
)
def test_parts_hold_every_result_in_order(work, chunks, run_one, numbers):
    """One item at a time or in a batch, the parts together hold every item's result in order."""
    job = work(numbers, square, square_batch, chunks)
    parts = run(job, run_one)
    assert [part.number for part in parts] == list(range(len(job.chunks)))
    assert sum(part.items for part in parts) == len(numbers)
    assert results(job, parts) == [number * number for number in numbers]


def test_the_function_is_called_once_for_each_item(work):
    """The function is called exactly once for each item, in order."""
    called = []

    def function(item):
        called.append(item)
        return item

    run(work(range(1000), function, chunks=3))
    assert called == list(range(1000))


def test_the_record_tells_the_times_apart(work):
    """A part's record says how long reading, the function and writing took."""
    (part,) = run(work(range(10), square))
    assert part.call_cpu_seconds > 0
    assert part.read_seconds > 0
    assert part.call_seconds > 0
    assert part.write_seconds > 0
    assert part.pid == os.getpid()


@pytest.mark.parametrize("guilty", [0, 1, 2, 3, 4, 7, 499, 999])
@pytest.mark.parametrize("chunks", [1, 4])
def test_the_item_on_which_the_function_fails_is_named(work, folder, guilty, chunks):
    """An error names the item, its index and line, and holds the traceback; what was done before is kept."""

    def function(item):
        if item == guilty * 10:
            raise KeyError("no such thing")
        return item

    job = work(range(0, 10_000, 10), function, chunks=chunks)
    with pytest.raises(ItemFailed) as caught:
        run(job)
    failure = caught.value.failure
    assert (failure.index, failure.item) == (guilty, str(guilty * 10))
    assert failure.where == f"line {guilty + 1} of {job.source.path}"
    assert (failure.error_type, failure.message) == ("KeyError", "'no such thing'")
    message = str(caught.value)
    assert f"failed on item {guilty} (line {guilty + 1} of {job.source.path})" in message
    assert 'raise KeyError("no such thing")' in message
    written = [parquet.read_metadata(path).num_rows for path in folder.iterdir()]
    assert sum(written) == guilty


STOP_ITERATION = """
import sys
from pathlib import Path
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline import IntegerLines
folder = Path(sys.argv[1])
(folder / "numbers.txt").write_text("5\\n6\\n7\\n")
source = IntegerLines(str(folder / "numbers.txt"))
def function(item):
    return item if item < 6 else next(iter([]))
try:
    process_chunk(Work(source, function, None, source.chunks(1), LocalGeneration(folder)), source.chunks(1)[0]).raise_error()
except ItemFailed as error:
    print(error.failure.index, error.failure.error_type)
"""


def test_a_function_that_raises_stop_iteration_fails(tmp_path):
    """A StopIteration in the function, as of a bare next(), is an error like any other, not the end."""
    # In a process that can be killed, should the calls never end.
    done = subprocess.run(
        [sys.executable, "-c", STOP_ITERATION, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("1 "), done.stderr


@pytest.mark.parametrize("run_one", [run_by_item, run_as_batch])
def test_a_bad_line_is_named_by_its_number_in_the_file(work, run_one):
    """A bad line in a late chunk is named by its line in the whole file."""
    job = work([*range(100), "x", *range(100)], square, square_batch, chunks=5)
    with pytest.raises(BadInput, match=f"line 101 of {job.source.path} is not an integer: 'x'"):
        run(job, run_one)


def test_mixed_results_are_refused(work, folder):
    """A function that gives an integer for one item and a float for another is refused, not rounded."""
    job = work(range(5), lambda item: item if item < 3 else item / 2)
    with pytest.raises(TypeError, match="float and int; return one type for every item"):
        run(job)
    assert os.listdir(folder) == []


def test_a_run_that_was_stopped_elsewhere_ends_between_two_items(work, folder):
    """A chunk of a run that failed elsewhere does not call the function to its end."""
    called = []

    def function(item):
        called.append(item)
        return item

    job = work(range(100_000), function)
    outcome = process_chunk(job, job.chunks[0], Control(stopped=lambda: len(called) >= 10))
    with pytest.raises(Stopped):
        outcome.raise_error()
    assert 10 <= len(called) < 100
    assert outcome.part.items == len(called)


def test_what_there_is_no_time_for_is_left_whole(work):
    """A chunk that is cut short leaves a rest that begins with the first item that was not done."""
    job = work(["7", "+8", "1_000", "-10", "11"], square, chunks=2)
    waiting, parts = list(job.chunks), []
    while waiting:
        chunk = replace(waiting.pop(0), number=len(parts))
        piece = process_chunk(job, chunk, Control(0.0))
        assert piece.part.items == 1
        parts.append(piece.part)
        if piece.rest is not None:
            assert piece.size(chunk) == piece.rest.start - chunk.start > 0
            waiting.insert(0, piece.rest)
    assert results(job, parts) == [49, 64, 1_000_000, 100, 121]


@pytest.mark.parametrize(
    ("batch_function", "expected"),
    [
        (lambda items: items * 2, [2, 4, 6]),
        (lambda items: items.to_numpy() * 2, [2, 4, 6]),
        (lambda items: (items * 2).tolist(), [2, 4, 6]),
        (pyarrow.array, [1, 2, 3]),
        (lambda items: pyarrow.chunked_array([[1, 2], [3]]), [1, 2, 3]),
        (lambda items: items.astype("int64[pyarrow]"), [1, 2, 3]),
        (lambda items: items.astype("Int64"), [1, 2, 3]),
        (lambda items: items.astype("object") * 2**70, [2**70, 2**71, 3 * 2**70]),
        (lambda items: items.astype("uint64") * numpy.uint64(2**62), [2**62, 2**63, 3 * 2**62]),
        (lambda items: items.astype("int8"), [1, 2, 3]),
        (lambda items: items.astype("float32") / 2, [0.5, 1.0, 1.5]),
        (lambda items: items > 1, [False, True, True]),
        (lambda items: items.astype("str"), ["1", "2", "3"]),
        (lambda items: items[::-1], [3, 2, 1]),
        (lambda items: pandas.Series([b"1", b"2", b"3"]), [b"1", b"2", b"3"]),
    ],
    ids=[
        "series", "numpy", "list", "arrow", "chunked", "arrow series", "nullable", "object",
        "uint64", "int8", "float32", "bool", "str", "reversed", "bytes",
    ],
)  # fmt: skip
def test_a_batch_function_may_give_any_kind_of_column(work, batch_function, expected):
    """A batch function may return a Series, an array or a list of any type that Parquet has."""
    job = work([1, 2, 3], batch_function=batch_function)
    assert results(job, run(job, run_as_batch)) == expected


@pytest.mark.parametrize("dtype", ["str", "string", "category"])
def test_what_pandas_calls_missing_is_none(work, folder, dtype):
    """A text that is missing in a Series of pandas' own dtypes is a null, not a float among texts."""
    job = work([1, 2, 3], batch_function=lambda items: pandas.Series(["1", None, "3"], dtype=dtype))
    (part,) = run(job, run_as_batch)
    column = parquet.read_table(folder / f"part-{part.number:05d}.parquet")["result"]
    assert column.to_pylist() == ["1", None, "3"]


@pytest.mark.parametrize(
    ("batch_function", "message"),
    [
        (lambda items: items[:-1], "returned 9 results for 10 items"),
        (lambda items: [*items, 1], "returned 11 results for 10 items"),
        (lambda items: 1 // (len(items) < 10) and items, "by zero"),
        (lambda items: 5, "has no len"),
    ],
    ids=["too few", "too many", "only as a whole", "no column"],
)
def test_a_batch_that_fails_as_a_whole_is_named(work, batch_function, message):
    """A batch function that loses or adds results, or fails on no half, fails with its batch."""
    job = work(range(10), batch_function=batch_function)
    with pytest.raises(ItemFailed, match=message) as caught:
        run(job, run_as_batch)
    assert caught.value.failure.where == f"line 1 of {job.source.path}"
    assert "the first of a batch of 10" in str(caught.value)


@pytest.mark.parametrize("guilty", [{0}, {9}, {4, 5}, {7, 8}, set(range(10))])
def test_the_guilty_item_of_a_batch_is_named(work, guilty):
    """Of a batch that fails, the first guilty item is found, in calls of three times its items."""
    called = []

    def batch_function(items):
        called.append(len(items))
        return [10 // (item not in guilty) for item in items]

    with pytest.raises(ItemFailed) as caught:
        run(work(range(10), batch_function=batch_function), run_as_batch)
    failure = caught.value.failure
    assert (failure.index, failure.item) == (min(guilty), str(min(guilty)))
    assert failure.error_type == "ZeroDivisionError"
    assert sum(called) <= 3 * 10


WITHOUT_PANDAS = """
import os, sys
from pathlib import Path
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline import IntegerLines
folder = Path(sys.argv[1])
(folder / "numbers.txt").write_text("".join(f"{n}\\n" for n in range(1000)))
source = IntegerLines(str(folder / "numbers.txt"))
for chunk in source.chunks(3):
    process_chunk(Work(source, eval(sys.argv[2]), None, source.chunks(3), LocalGeneration(folder)), chunk)
print(sorted({"pandas", "dagster", "matplotlib"} & sys.modules.keys()), flush=True)
os._exit(0)  # As a worker does: a thread of Arrow's that drops an array amid Python's exit aborts it.
"""


@pytest.mark.parametrize("function", ["lambda n: n * n", "lambda n: n * 2**64", "float", "str"])
def test_a_worker_imports_neither_pandas_nor_dagster(tmp_path, function):
    """A worker for integers, floats and texts starts and works without importing pandas or Dagster."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS, tmp_path, function],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_parts_of_chunks_run_in_any_order_fit_together(work, tmp_path):
    """Chunks may be worked on backwards: each knows the index of its first item."""
    job = work(range(100), square, chunks=4)
    target = ResultFolder(tmp_path / "squares")
    with target.writing() as generation:
        job = Work(job.source, square, None, job.chunks, generation)
        parts = [run_by_item(job, chunk) for chunk in reversed(job.chunks)]
        target.commit(generation, Manifest("test", tuple(reversed(parts))))
    assert read_results(target.path)["result"].tolist() == [n * n for n in range(100)]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (5, "5"),
        ("a\n", r"'a\n'"),
        (10**5000, "an integer of 16,610 bits"),
        ("x" * 100, f"'{'x' * 29}… (42 characters left out) …{'x' * 29}'"),
    ],
    ids=["int", "str", "huge", "long"],
)
def test_an_item_is_shown_shortened(item, text):
    """Items in messages are short, however large they are."""
    assert short_repr(item) == text


def fails_at_tens(number):
    return 1 // (number % 10)


def test_calls_are_counted_once(work, tmp_path):
    """A budget is told of the calls that were made, also where the first of many that it has allowed fails."""
    limits = CallLimits(budget_seconds=600.0, path=str(tmp_path / "account"))
    policy = FailurePolicy(on_error="quarantine", failed_items="omit")
    limited = replace(work(range(1000), fails_at_tens), limits=limits, failures=policy)
    (part,) = run(limited)
    assert (part.items, part.failed) == (1000, 100)
    assert limiter_of(limits).account().calls == 1000
    release(limits)
