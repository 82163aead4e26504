"""docs/incremental.md: what is called when, counted; and its recipe, run by a daemon."""

import operator
import os
import re
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pandas
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from fanout_pipeline import (
    BadInput,
    Csv,
    IntegerLines,
    ItemFailed,
    Options,
    Upstream,
    fan_out,
    fanout_asset,
    read_failures,
    read_results,
)
from fanout_pipeline_tests.processes import wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "incremental.md").read_text()
ROWS = Csv("rows.csv", columns=["value"], types={"value": int})
QUARANTINE = Options(strategy="serial", on_error="quarantine", failed_items="omit")

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def table(first):
    """The rows of the page's table whose first column has this title, by their first cells."""
    rows = re.search(rf"^\| {re.escape(first)} \|(.*\n)\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    titles = [one.strip(" `") for one in rows[1].split("|")[:-1]]
    cells = [[one.strip() for one in row.strip("|").split("|")] for row in rows[2].splitlines()]
    return {name: dict(zip(titles, others, strict=True)) for name, *others in cells}


WHEN = table("an item that")
WHAT = table("what has changed")


def noted(value):
    """Leaves a line for each call."""
    with open(os.environ["FANOUT_TEST_CALLS"], "a") as file:
        file.write(f"{value}\n")


def half(value):
    noted(value)
    if value < 0:
        raise ValueError("a negative number")
    return value / 2


def halved(value):
    noted(value)
    return value * 0.5


def scaled(value, by):
    noted(value)
    return value * by


def a_half():
    return 0.5


def one_half():
    return 1 / 2


class Calls:
    """What was called since it was last asked."""

    def __init__(self, file):
        self._file = file

    def __call__(self):
        lines = self._file.read_text().replace(".txt", "").split()
        self._file.write_text("")
        return Counter(map(int, lines))


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The calls of this module's functions."""
    file = tmp_path / "calls"
    file.touch()
    monkeypatch.setenv("FANOUT_TEST_CALLS", str(file))
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path))
    return Calls(file)


@pytest.fixture
def write(tmp_path):
    """Write the input: a row for each id, of a value and a note."""

    def write(values, note="a"):
        pairs = values.items() if isinstance(values, dict) else values
        rows = "".join(f"{one},{value},{note}\n" for one, value in pairs)
        (tmp_path / "rows.csv").write_text(f"id,value,note\n{rows}")

    return write


def materialized(tmp_path, asset, **config):
    """The metadata of a run with this config, as plain values."""
    config = {"ops": {asset.op.name: {"config": config}}} if config else {}
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        result = dg.materialize([asset], instance=instance, run_config=config)
    (event,) = result.get_asset_materialization_events()
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert checks["completeness"].passed
    found = {name: one.value for name, one in event.materialization.metadata.items()}
    return found | {"shown": checks["failures"].metadata}


BEFORE = {"same": 2, "changed": 4, "failed": -6, "moved": 8, "gone": 10}
AFTER = {"moved": 8, "new": 12, "changed": 14, "same": 2, "failed": -6}


@pytest.mark.parametrize("items", WHEN["is new"])
def test_what_is_called(tmp_path, calls, write, items):
    """What the page's table says of new, changed, failed and unchanged items, whichever are asked for."""
    asset = fanout_asset(
        half,
        name="halves",
        over=ROWS,
        key="id",
        keep=["note"],
        unpack=False,
        options=QUARANTINE,
    )
    write(BEFORE)
    found = materialized(tmp_path, asset)
    assert calls() == Counter(BEFORE.values())
    assert found["changes"]["new"] == found["called"] == 5
    assert "items: failed" in found["shown"]["how_to_call_failed_again"].value
    write(AFTER, note="b")
    found = materialized(tmp_path, asset, items=items)
    said = {name: row[items] == "called" for name, row in WHEN.items()}
    expected = [12] * said["is new"] + [14] * said["has changed"] + [-6] * said["failed before"]
    assert calls() == Counter(expected + [2, 8] * said["is as it was"])
    counts = [found["changes"][name] for name in ("new", "changed", "unchanged", "removed")]
    assert counts == [1, 1, 2, 1]
    assert (found["changes"]["failed_before"], found["items"], found["failed"]) == (1, 5, 1)
    frame = read_results(tmp_path / "halves")
    value = 7.0 if said["has changed"] else 2.0
    assert dict(zip(frame["id"], frame["result"], strict=True)) == {
        "moved": 4.0,
        "new": 6.0,
        "changed": value,
        "same": 1.0,
    }
    assert frame["index"].tolist() == [0, 1, 2, 3]
    assert set(frame["note"]) == {"b"}
    assert read_failures(tmp_path / "halves")["index"].tolist() == [4]
    materialized(tmp_path, asset)
    assert calls() == Counter([-6] + [14] * (not said["has changed"]))
    assert read_results(tmp_path / "halves")["result"].tolist() == [4.0, 6.0, 7.0, 1.0]


SAID = {"function": half, "key": "id", "options": QUARANTINE}
SET_UP = SAID | {"function": scaled, "setup": a_half}
CHANGES = {
    "the function, or a function of yours that it calls": (SAID, SAID | {"function": halved}),
    "a file, a variable or a package that `depends_on` names": (
        SAID | {"depends_on": ["rates.txt"]},
        SAID | {"depends_on": ["rates.txt"]},
    ),
    "what the key is": (SAID, SAID | {"key": operator.neg}),
    "`setup`": (SET_UP, SET_UP | {"setup": one_half}),
    "`result_type`, or `unpack`": (SAID, SAID | {"result_type": float}),
    "the function, but not its `code_version`": (
        SAID | {"code_version": "1"},
        SAID | {"code_version": "1", "function": halved},
    ),
    "a column in `keep`, or which columns are kept": (SAID, SAID | {"keep": ["note"]}),
    "the strategy, workers, chunks, retries, limits": (
        SAID,
        SAID
        | {
            "options": Options(
                strategy="threads", workers=2, chunks=3, retries=1, item_timeout_seconds=60
            )
        },
    ),
}


@pytest.mark.parametrize("row", WHAT)
def test_what_all_results_depend_on(tmp_path, calls, write, monkeypatch, row):
    """What the page's table says of a changed function, of what it depends on, and of how calls are made."""
    monkeypatch.chdir(tmp_path)
    Path("rates.txt").write_text("1")
    values = {"a": 2, "b": 4, "c": 6}
    write(values)
    for note, says in zip("xy", CHANGES[row], strict=True):
        calls()
        results = fan_out(says["function"], ROWS, folder="halves", **_without(says))
        Path("rates.txt").write_text("2")
        write(values, note)
        assert list(results) == [1.0, 2.0, 3.0]
    expected = {"all are called": values.values(), "none is called": []}[WHAT[row]["changed"]]
    assert calls() == Counter(expected)
    if "keep" in says:
        assert set(read_results("halves")["note"]) == {"x"}


def _without(says):
    return {name: one for name, one in says.items() if name != "function"}


def test_every_row_of_the_table_is_tried():
    """And nothing that the page does not say."""
    assert CHANGES.keys() == WHAT.keys()


def test_duplicates_and_removed_items(tmp_path, calls, write, monkeypatch):
    """Two items of a key are an error with both places, or the first counts; what is gone may stay."""
    monkeypatch.chdir(tmp_path)
    write([("a", 2), ("b", 4), ("a", 6)])
    asset = fanout_asset(
        half,
        name="halves",
        over=ROWS,
        key="id",
        unpack=False,
        duplicates="once",
        removed="keep",
        options=Options(strategy="serial", verify=1),
    )
    with pytest.raises(BadInput, match=r"line 2 of .*line 4 of .*the same key, 'a'"):
        fan_out(half, ROWS, key="id", folder="scores")
    assert calls() == Counter()
    found = materialized(tmp_path, asset, verify=0.0)
    assert calls() == Counter([2, 4])
    assert found["dagster/row_count"] == 2
    write({"c": 8, "b": 4})
    found = materialized(tmp_path, asset)
    assert calls() == Counter([8, 8, 4]), "8 for its result, and both for the check of values"
    assert found["what_changed"].endswith("1 no longer in the input")
    frame = read_results(tmp_path / "halves")
    assert dict(zip(frame["id"], frame["result"], strict=True)) == {"c": 4.0, "b": 2.0, "a": 1.0}
    materialized(tmp_path, asset, removed="drop", verify=0.0)
    assert read_results(tmp_path / "halves")["id"].tolist() == ["c", "b"]
    assert calls() == Counter()


def test_what_a_dead_run_had_done_is_kept_by_its_keys(tmp_path, calls, write, monkeypatch):
    """Though the record that ended the run was corrected, and another one added in front."""
    monkeypatch.chdir(tmp_path)
    how = {"key": "id", "folder": "halves", "options": Options(strategy="serial", chunks=5)}
    write({"a": 2, "b": 4, "c": 6, "d": -8, "e": 10})
    with pytest.raises(ItemFailed):
        fan_out(half, ROWS, **how)
    assert calls() == Counter([2, 4, 6, -8])
    write({"z": 12, "a": 2, "b": 4, "c": 6, "d": 8, "e": 10})
    results = fan_out(half, ROWS, **how)
    assert list(results) == [6.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert calls() == Counter([12, 8, 10])
    assert results.record.changes.called == 3


@pytest.mark.parametrize(("resume", "called"), [(True, [-6, 8]), (False, [2, 4, -6, 8])])
def test_whether_a_dead_run_counts_is_asked(tmp_path, calls, resume, called):
    """Run config says whether what it had finished is kept; results that were visible before are, in any case."""
    options = Options(strategy="serial", chunks=9)
    over = IntegerLines("numbers.txt")
    asset = fanout_asset(half, over=over, key="item", unpack=False, options=options)
    for numbers, how in (
        ([12], {}),
        ([12, 2, 4, -6], {}),
        ([12, 2, 4, -6, 8], {"resume": resume, "on_error": "quarantine"}),
    ):
        calls()
        (tmp_path / "numbers.txt").write_text("".join(f"{number}\n" for number in numbers))
        with pytest.raises(ItemFailed) if numbers[-1] < 0 else nullcontext():
            materialized(tmp_path, asset, **how)
    assert calls() == Counter(called)


def test_keys_of_other_kinds(tmp_path, calls, monkeypatch):
    """The item itself and what a function gives are keys, too, and stand beside the results."""
    monkeypatch.chdir(tmp_path)
    for key in ("item", operator.neg):
        for items, called in (([2, 4], [2, 4]), ([6, 4, 2], [6])):
            folder = "halves" if key == "item" else "negative"
            results = fan_out(half, items, key=key, folder=folder, strategy="serial")
            assert calls() == Counter(called)
            assert list(results) == [item / 2 for item in items]
            sign = 1 if key == "item" else -1
            found = results.to_pandas()["key"].tolist()
            assert found == [str(sign * item) for item in items]


def test_over_the_value_of_another_asset(tmp_path, calls):
    """A frame that an IO manager loads has keys, too: one corrected row is one call, in whatever order they come."""
    frames = [
        pandas.DataFrame({"id": [1, 2, 3], "value": [2, 4, 6]}),
        pandas.DataFrame({"id": [3, 1, 2], "value": [6, 2, 8]}),
    ]
    values = dg.asset(lambda: frames.pop(0), name="values")
    how = {"key": "id", "unpack": False, "strategy": "serial"}
    asset = fanout_asset(half, name="halves", over=Upstream("values", columns=["value"]), **how)
    for called, expected in (([2, 4, 6], [1.0, 2.0, 3.0]), ([8], [3.0, 1.0, 4.0])):
        with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
            dg.materialize([values, asset], instance=instance)
        assert calls() == Counter(called)
        assert read_results(tmp_path / "halves")["result"].tolist() == expected


COUNTING = """

count_words = counted


def counted(file: FileHandle) -> dict:
    with open({calls!r}, "a") as calls:
        calls.write(file.name + "\\n")
    return count_words(file)
"""


INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""


@pytest.mark.timeout(300)
def test_a_nightly_job_over_a_growing_folder(guest):
    """The page's project: 72 files of today cost 72 calls at night, and two corrected ones two, by one command."""
    modules = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
    (configured,) = re.findall(r"```yaml\n# failed.yaml\n(.*?)```", PAGE, re.DOTALL)
    (command,) = re.findall(r"`(dagster job execute [^`]*failed.yaml)`", PAGE)
    calls = Calls(guest.folder / "calls")
    modules["texts"] += COUNTING.format(calls=str(guest.folder / "calls"))
    guest.write(**modules)
    (guest.home / "dagster.yaml").write_text(INSTANCE)
    (guest.works_in / "failed.yaml").write_text(configured)
    inbox = guest.data / "inbox"
    inbox.mkdir()
    for number in range(200):
        (inbox / f"{number}.txt").write_text("a word\n" * number)
    code, output = guest.run(*command.split()[:-2])
    assert code == 0, output
    assert sum(calls().values()) == 200
    for number in range(200, 272):
        text = "a word\n" * number
        (inbox / f"{number}.txt").write_bytes(text.encode() if number > 201 else b"\xff")
    (inbox / "7.txt").touch()  # It is read, and is what it was.
    night = the_next_night(guest)
    assert night.status is dg.DagsterRunStatus.SUCCESS, guest.output("daemon.txt")
    assert calls() == Counter(range(200, 272))
    found = guest.metadata("texts")
    assert (found["called"], found["changes"]["new"], found["failed"]) == (72, 72, 2)
    assert found["what_changed"].startswith("72 of 272 items called (72 new); 200 kept, which took")
    for number in range(200, 202):
        (inbox / f"{number}.txt").write_text("a word\n" * number)
    code, output = guest.run(*command.split())
    assert code == 0, output
    assert calls() == Counter([200, 201])
    frame = read_results(guest.data / "texts")
    assert frame["lines"].tolist() == sorted(range(272), key=lambda number: f"{number}.txt")


def the_next_night(guest):
    """The run that a real daemon launches, as it was not there when the page's schedule was last due."""
    code, output = guest.run("dagster", "schedule", "start", "nightly", "-m", "nightly")
    assert code == 0, output
    with guest.instance() as instance:
        (state,) = instance.all_instigator_state()
        began = state.instigator_data.start_timestamp - 24 * 3600
        yesterday = ScheduleInstigatorData(state.instigator_data.cron_schedule, began)
        instance.update_instigator_state(state.with_data(yesterday))
    daemon = guest.start("dagster-daemon", "run", "-m", "nightly", log="daemon.txt")

    def done():
        found = [one for one in guest.runs() if one.tags.get("dagster/schedule_name") == "nightly"]
        return found and found[0].is_finished and found[0]

    try:
        return wait_for(done, 200, "end of the scheduled run", every=1)
    finally:
        daemon.terminate()
        daemon.wait(60)
