"""Runs with a key where there is least to go by: nothing, the same twice, another key, types that widen, budgets."""

import os
import shutil
import signal
from pathlib import Path

import pyarrow
import pytest

from fanout_pipeline import (
    BadInput,
    BudgetSpent,
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    JsonLines,
    NoResults,
    Options,
    fan_out,
    read_failures,
)
from fanout_pipeline.engine.model.changes import Asked
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.manifest import FAILURES_NAMES
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline_tests.results.store.powers import power

FORMATS = Path(__file__).parents[2] / "results" / "store"

pytestmark = pytest.mark.usefixtures("leaves_nothing")


class Runs:
    """Runs into one folder, of a function that gives the value of a row; which rows it was called with."""

    def __init__(self, folder):
        self.folder = folder
        self.dies_at = None
        self.called = []

    def value(self, row):
        self.called.append(row["id"])
        if row["id"] == self.dies_at:
            os.kill(os.getpid(), signal.SIGINT)
        if row["value"] == "bad":
            raise ValueError("bad")
        return row["value"]

    def __call__(self, rows, strategy="serial", on_error="quarantine", **how):
        """Results, and the rows that were called."""
        self.called.clear()
        version = {"code_version": "1", "key": "id"}
        names = {"budget_calls", "chunks", "failed_items", "workers"} & how.keys()
        options = Options(strategy=strategy, on_error=on_error, **{n: how.pop(n) for n in names})
        with fan_out(
            self.value, rows, options=options, folder=self.folder, **version | how
        ) as made:
            self.table = made.to_arrow()
            return list(made), list(self.called)

    def die(self, rows, at, **how):
        """The rows that a run was called with which was interrupted in one."""
        self.dies_at = at
        with pytest.raises(KeyboardInterrupt):
            self(rows, **how)
        self.dies_at = None
        return list(self.called)


@pytest.fixture
def run(tmp_path):
    return Runs(tmp_path / "results")


def rows_of(*values, first=0):
    return [{"id": first + n, "value": value} for n, value in enumerate(values)]


def test_nothing_then_something_then_nothing(run):
    """An empty input is an input: it removes all, and what comes back after that is new."""
    one = rows_of(5)
    assert run([]) == ([], [])
    assert run(one) == ([5], [0])
    assert run([]) == ([], [])
    assert run(one) == ([5], [0])
    kept = {"removed": "keep"}
    assert run([], **kept) == ([5], [])
    assert run([], **kept) == ([5], [])
    assert run(one, **kept) == ([5], [])


@pytest.mark.parametrize(
    "empty", [[], pyarrow.table({"id": pyarrow.array([], "int64"), "value": []})]
)
def test_columns_of_nothing(empty):
    """An empty list or table may have a key and columns that are kept, with or without a folder."""
    with fan_out(str, empty, key="id", keep=["value"]) as results:
        assert results.to_arrow().column_names == ["index", "id", "value", "result"]


def test_the_same_key_twice(run):
    """Two places are named; where the first counts, a change of the other calls nothing."""
    twice = [*rows_of(1, 2), {"id": 0, "value": 3}]
    with pytest.raises(BadInput, match=r"item 1 of the list and item 3 of the list .* '0'"):
        run(twice)
    assert run.called == []
    assert run(twice, duplicates="once") == ([1, 2], [0, 1])
    twice[2]["value"] = 4
    assert run(twice, duplicates="once") == ([1, 2], [])
    assert run.table["index"].to_pylist() == [0, 1]
    assert run(twice[::-1], duplicates="once") == ([4, 2], [0])
    assert run(twice[::-1][:2]) == ([4, 2], [])
    # Also where the other one is in the place of the first.
    assert run([twice[1], twice[2], twice[0]], duplicates="once") == ([2, 4], [])
    assert run([twice[0], twice[1], twice[2]], duplicates="once") == ([1, 2], [0])
    assert run([twice[1], twice[0], twice[2]], duplicates="once") == ([2, 1], [])
    assert run([twice[0], twice[0], twice[1]], duplicates="once") == ([1, 2], [])


def test_a_number_and_its_text_are_one_key(run):
    """An identifier that is read as text one day and as a number the next calls nothing; it is shown as it is now."""
    run.value = lambda value: run.called.append(value) or value
    rows, both = pyarrow.table({"id": [5, 6], "value": [1, 2]}), [1, 2]
    assert run(rows, columns=["value"]) == (both, both)
    rows = rows.set_column(0, "id", rows["id"].cast("string"))
    assert run(rows, columns=["value"]) == (both, [])
    assert run.table["id"].to_pylist() == ["5", "6"]


@pytest.mark.parametrize("format_", sorted(FAILURES_NAMES))
def test_results_of_an_earlier_release(tmp_path, format_):
    """What is visible of any format has no keys: all is called once, and then no more."""
    data = tmp_path / "data"
    shutil.copytree(FORMATS / f"format_{format_}", data, symlinks=True)
    (data / "numbers.txt").write_text("".join(f"{n}\n" for n in range(12)))
    options = Options(strategy="serial", on_error="quarantine")
    how = {"options": options, "folder": data / "powers" / "serial", "key": "item"}
    for called in (12, 0):
        with fan_out(power, IntegerLines(str(data / "numbers.txt")), **how) as results:
            assert results.record.changes.called == called
            assert list(results) == [n**20 for n in range(12)]


def test_a_key_that_is_added_or_another_one(run):
    """Without a key, or with another one, nothing is known of an item: all are called, once."""
    rows, both = rows_of(1, 2), [0, 1]
    assert run(rows, key=None) == ([1, 2], both)
    assert run(rows) == ([1, 2], both)
    assert run(rows) == ([1, 2], [])
    for key in ("value", lambda row: row["id"]):
        assert run(rows, key=key) == ([1, 2], both)
        assert run(rows, key=key) == ([1, 2], [])


def test_values_of_wider_types_come(run):
    """Results that are carried over are worth what they were, whatever those beside them are."""
    for values in ([None, None], [None, 7], [True, 7], [2**80, 7], [2**80, None], [8, None]):
        assert run(rows_of(*values))[0] == values
    run.folder = run.folder.with_name("fields")
    for values in ([{"a": 1}, {"a": None}], [{"a": 1}, {"b": "x"}], [{"b": "y"}, {"b": "x"}]):
        found, _ = run(rows_of(*values), unpack=True)
        assert [
            {k: v for k, v in one.items() if v is not None} if one else {} for one in found
        ] == [{k: v for k, v in one.items() if v is not None} for one in values]


def test_a_column_that_is_kept_is_added(run):
    """Which columns are kept does not call anything, and all rows have those of the input now."""
    assert run(rows_of(1, 2))[1] == [0, 1]
    assert run(rows_of(1, 2), keep=["value"])[1] == []
    assert run.table["value"].to_pylist() == [1, 2]
    assert run(rows_of(1, 2))[1] == []
    assert run.table.column_names == ["index", "id", "result"]


def test_records_that_cannot_be_read(tmp_path):
    """They fail in the place where they are now, call nothing, and are no reason to call others."""
    file, called = tmp_path / "rows.jsonl", []

    def value(row):
        called.append(row["id"])
        return row["id"]

    options = Options(strategy="serial", on_error="quarantine")
    for text, expected in (
        ('{"id": 1}\n{"id": \n{"id": 2}\n', [[1, 2], [1]]),
        ('?\n{"id": 2}\n{"id": 3}\n{"id": 1}\n?\n', [[3], [0, 4]]),
    ):
        called.clear()
        file.write_text(text)
        how = {"key": "id", "code_version": "1", "folder": tmp_path / "results"}
        with fan_out(value, JsonLines(str(file)), options=options, **how) as results:
            failures = results.failures
            assert [called, failures["index"].tolist()] == expected
            assert failures["where"].tolist() == [f"line {n + 1} of {file}" for n in expected[1]]
            assert results.record.changes.called == len(called)


@pytest.mark.parametrize("how", [{}, {"chunks": 4}, {"strategy": "threads", "workers": 2}])
def test_a_budget_for_each_run(run, how):
    """Each run goes on where the budget of the one before ended, though the input has changed meanwhile."""
    rows, called = rows_of(*range(10)), []
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            run(rows, budget_calls=4, **how)
        called += run.called
        rows.reverse()
    assert len(called) == len(set(called)) == 8
    rows.append({"id": 10, "value": 10})
    assert run(rows, budget_calls=4, **how)[0] == list(range(11))
    assert sorted(called + run.called) == list(range(11))


def test_a_run_dies_that_goes_on_with_what_dead_ones_had_done(run):
    """What was finished stays known however many runs die, with whatever input, and in whichever way they call."""
    rows = rows_of(*range(10))
    assert run.die(rows, 3) == [0, 1, 2, 3]
    assert run.die(rows, 3) == [3]
    assert run.die(rows[5:], 7) == [5, 6, 7]
    with pytest.raises(ItemFailed):
        run([*rows[:5], *rows_of("bad", first=10)], on_error="fail")
    assert run.called == [3, 4, 10]
    values, called = run(rows, strategy="threads", workers=2)
    assert (values, sorted(called)) == (list(range(10)), [7, 8, 9])


def test_what_failed_and_is_not_called_again(tmp_path):
    """It stays failed in the place where it is now, with a row or without as this run has it."""
    called = []

    def value(row):
        called.append(row["id"])
        return 6 / row["value"]

    def run(rows, items, failed_items):
        called.clear()
        spec = FanoutSpec("value", as_source(rows), value, key="id", keep=("id",), code_version="1")
        options = Options(on_error="quarantine", failed_items=failed_items)
        how = {"ledger": True, "resume": True, "asked": Asked(items)}
        run_strategy(STRATEGIES["serial"], spec, tmp_path / "results", options, **how)
        return called, read_failures(tmp_path / "results")

    rows = rows_of(1, 0, 2, 0)
    assert run(rows, "changed", "null")[0] == [0, 1, 2, 3]
    for failed_items in ("omit", "null"):
        made, failures = run(rows[::-1] + rows_of(3, first=4), "missing", failed_items)
        assert made == ([4] if failed_items == "omit" else [])
        assert failures[["index", "key", "where"]].to_numpy().tolist() == [
            [0, "3", "item 1 of the list"],
            [2, "1", "item 3 of the list"],
        ]
    rows[3]["value"] = 3
    made, failures = run(rows, "failed", "omit")
    assert (made, failures["key"].tolist()) == ([1, 3], ["1"])


def test_a_damaged_part_costs_its_own_items(run):
    """Results that were damaged on the disk end a run that needs them; without their file its items only are called."""
    rows = [{"id": number, "value": number} for number in range(40)]
    run(rows, chunks=4)
    damaged = run.folder / "part-00001.parquet"
    damaged.write_bytes(bytes(byte ^ 1 for byte in damaged.read_bytes()))
    rows.insert(0, {"id": 99, "value": 99})
    with pytest.raises(NoResults, match=r"is damaged.*remove the file"):
        run(rows)
    damaged.unlink()
    results, called = run(rows)
    assert results == [row["value"] for row in rows]
    assert called == list(range(10, 20))  # The new one was called by the run before.
