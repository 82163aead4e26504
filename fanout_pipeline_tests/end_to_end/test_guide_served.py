"""The project of docs/guide.md under `dagster dev`: what the daemon does by itself, and what is done in a browser."""

import json
import re
import urllib.error
import urllib.request
from collections import Counter

import dagster as dg
import pandas
import psutil
import pytest
from playwright.sync_api import expect

from fanout_pipeline import read_failures, read_results
from fanout_pipeline_tests.end_to_end.guide_project import (
    DAYS,
    DEFINITIONS,
    project_of_the_guide,
)
from fanout_pipeline_tests.end_to_end.project import PICTURES
from fanout_pipeline_tests.end_to_end.test_ui import serving
from fanout_pipeline_tests.processes import wait_for
from fanout_pipeline_tests.results.layout import parts_told

pytestmark = pytest.mark.timeout(600)
LONG = 300
"""Seconds after which what a test waits for will not come any more."""

CALLS = """
import os
import time
from pathlib import Path

ROOT = Path(os.environ["FANOUT_DATA"]).parent / "calls"


def call(line):
    \"\"\"The number of a line; each call leaves a file, and those of the second half wait for another.\"\"\"
    name, number = line.split()
    (ROOT / f"{name}_{number}_{os.getpid()}_{time.monotonic_ns()}").touch()
    while int(number) >= 50 and not (ROOT / f"{name}_open").exists():
        time.sleep(0.02)
    return int(number)
"""
SERVED = f"""{DEFINITIONS}
from calls import call
from fanout_pipeline import Options, TextLines, Upstream, fanout_asset
from model import expected, load_model

how = Options(strategy="multiprocess", workers=2, chunks=10)
daily = fanout_asset(
    call, name="daily", over=TextLines("lines/{{partition}}.txt"), options=how,
    partitions_def=inbox.counted.partitions_def, backfill_policy=dg.BackfillPolicy.single_run(),
)
held = fanout_asset(call, name="held", over=TextLines("held.txt"), options=how)
worth = fanout_asset(
    expected, name="worth", key="customer_id", over=Upstream("customers"), setup=load_model,
    automation_condition=dg.AutomationCondition.eager(),
)
defs = dg.Definitions.merge(
    defs,
    dg.Definitions(
        assets=[daily, held, worth],
        schedules=[
            dg.ScheduleDefinition(
                "every_minute", target=[orders.scored, theirs.customers], cron_schedule="* * * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
        sensors=[
            dg.AutomationConditionSensorDefinition(
                "automation", target=dg.AssetSelection.all(), minimum_interval_seconds=1,
                default_status=dg.DefaultSensorStatus.RUNNING,
            )
        ],
    ),
)
"""
INSTANCE = """
telemetry: {enabled: false}
nux: {enabled: false}
concurrency: {runs: {max_concurrent_runs: 4}}
"""


BACKFILL = """
mutation($chosen: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $chosen) {
    ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}
  }
}
"""
AGAIN = """
mutation($parent: String!) {
  launchPipelineReexecution(reexecutionParams: {parentRunId: $parent, strategy: FROM_FAILURE}) {
    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}
  }
}
"""


class Served:
    """The project, and the address at which `dagster dev` serves it."""

    def __init__(self, project, address):
        self.project, self.address = project, address
        self.calls = project.folder / "calls"

    def ask(self, query, **variables):
        """What GraphQL answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                found = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from error
        ((_, found),) = found["data"].items()
        assert "message" not in found, found["message"]
        return found

    def backfill(self, key, partitions):
        """Launch a backfill; its id."""
        chosen = {"assetSelection": [{"path": [key]}], "partitionNames": partitions}
        return self.ask(BACKFILL, chosen=chosen)["backfillId"]

    def run_of(self, wanted):
        """The newest run of which `wanted(run)` is true, once it is there."""
        return wait_for(
            lambda: next((run for run in self.project.runs() if wanted(run)), None),
            LONG,
            "run",
            every=1,
        )

    def of_backfill(self, backfill):
        """The first run of a backfill."""
        return self.run_of(lambda run: run.tags.get("dagster/backfill") == backfill)

    def ended(self, run, status=dg.DagsterRunStatus.SUCCESS):
        """Wait for the end of a run, which has this status."""

        def finished():
            with self.project.instance() as instance:
                found = instance.get_run_by_id(run.run_id)
            return found.is_finished and found

        found = wait_for(finished, LONG, f"end of {run.run_id}", every=1)
        assert found.status is status, self.project.output("server.txt")[-5000:]

    def recorded(self, key):
        """The materializations of an asset, oldest first."""
        with self.project.instance() as instance:
            found = instance.fetch_materializations(dg.AssetKey(key), limit=100).records
        return [record.asset_materialization for record in reversed(found)]

    def called(self, name):
        """How many calls there were of each number of a name."""
        return Counter(int(file.name.split("_")[1]) for file in self.calls.glob(f"{name}_*_*_*"))


@pytest.fixture(scope="module")
def served(tmp_path_factory, installed_elsewhere):
    """The project under `dagster dev`, with what the tests look at launched all at once.

    The calls of the second partition, and those of `held`, wait.
    """
    folder = tmp_path_factory.mktemp("served") / "guest"
    modules = {"calls": CALLS, "definitions": SERVED}
    with project_of_the_guide(folder, installed_elsewhere, **modules) as project:
        (project.home / "dagster.yaml").write_text(INSTANCE)
        (project.folder / "calls").mkdir()
        (project.data / "lines").mkdir()
        for name in (*DAYS, "held"):
            file = "held.txt" if name == "held" else f"lines/{name}.txt"
            project.lines([f"{name} {number:02}" for number in range(100)], file)
            if name not in (DAYS[1], "held"):
                (project.folder / "calls" / f"{name}_open").touch()
        # Dagster's databases are made here: processes that make them at once spoil them.
        assert project.runs() == []
        with serving(project, "dagster", "dev", "-m", "definitions") as address:
            served = Served(project, address)
            wait_for(lambda: served.ask("{assetNodes {id}}"), LONG, "code location", every=1)
            served.all = served.backfill("counted", DAYS)
            served.first = served.backfill("daily", DAYS[:3])
            served.second = served.backfill("daily", DAYS[3:6])
            yield served


def test_the_daemon_fires_schedules_and_conditions(served):
    """A schedule materializes a fan-out, and an automation condition one whose upstream was materialized."""
    scored = served.run_of(lambda run: run.tags.get("dagster/schedule_name") == "every_minute")
    with served.project.instance() as instance:
        states = instance.all_instigator_state()
        (state,) = [one for one in states if one.instigator_type.name == "SCHEDULE"]
        instance.stop_schedule(state.instigator_origin_id, state.selector_id, None)
    served.ended(scored)
    assert len(read_results(served.project.data / "scored")) == 20_000
    worth = served.run_of(lambda run: dg.AssetKey("worth") in (run.asset_selection or ()))
    served.ended(worth)
    assert worth.tags["dagster/sensor_name"] == "automation"
    assert len(read_results(served.project.data / "worth")) == 100


def test_a_backfill_of_a_week(served):
    """Seven days are one run of one crew; each is recorded once, and a broken document costs its row only."""
    run = served.of_backfill(served.all)
    served.ended(run)
    recorded = served.recorded("counted")
    assert [one.partition for one in recorded] == DAYS
    pids = {pid for one in recorded for pid in one.metadata["run"].value["worker_pids"]}
    assert len(pids) <= 3, "the step's process, and two workers of it"
    assert [one.metadata["failed"].value for one in recorded] == [0, 0, 1, 0, 0, 0, 0]
    for day in DAYS:
        folder = served.project.data / "counted" / f"partition={day}"
        words = [2 * number for number in range(50)]
        if day == DAYS[2]:
            words[7] = None
            assert read_failures(folder)["error_type"].tolist() == ["JSONDecodeError"]
        found = read_results(folder)["words"]
        assert [None if pandas.isna(one) else one for one in found] == words


def test_two_backfills_at_once_and_one_is_killed(served):
    """While one waits, the other ends; what was killed goes on, when launched again, with what is missing."""
    project = served.project
    killed, other = served.of_backfill(served.first), served.of_backfill(served.second)
    begun = project.data / "daily" / "_runs" / f"partition={DAYS[1]}"
    wait_for(lambda: begun.exists() and parts_told(begun) == 5, LONG, "half a partition", every=1)
    served.ended(other)
    with project.instance() as instance:
        assert instance.get_run_by_id(killed.run_id).status is dg.DagsterRunStatus.STARTED
        events = instance.all_logs(killed.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    metadata = [entry.dagster_event.engine_event_data.metadata for entry in events]
    pid = next(int(one["pid"].value) for one in metadata if "pid" in one)
    process = psutil.Process(pid)
    for one in [process, *process.children()]:  # The run, and its step; workers end by themselves.
        one.kill()
    served.ended(killed, dg.DagsterRunStatus.FAILURE)
    (served.calls / f"{DAYS[1]}_open").touch()
    again = served.ask(AGAIN, parent=killed.run_id)["run"]["runId"]
    served.ended(served.run_of(lambda run: run.run_id == again))
    once = dict.fromkeys(range(100), 1)
    for day in (*DAYS[:1], *DAYS[2:6]):
        assert served.called(day) == once
    half = served.called(DAYS[1])
    assert [half[number] for number in range(50)] == [1] * 50
    recorded = {one.partition: one.metadata for one in served.recorded("daily")}
    assert len(served.recorded("daily")) == len(recorded) == 6
    assert recorded[DAYS[1]]["reused"].value == 50
    for days in (DAYS[:1], DAYS[1:3], DAYS[3:6]):
        pids = {pid for day in days for pid in recorded[day]["run"].value["worker_pids"]}
        assert len(pids) == 2
    for day in DAYS[:6]:
        found = read_results(project.data / "daily" / f"partition={day}")
        assert found["result"].tolist() == list(range(100))
    with project.instance() as instance:
        for backfill in (served.all, served.second):
            found = wait_for(
                lambda one=backfill: (
                    (it := instance.get_backfill(one)).status.name != "REQUESTED" and it
                ),
                LONG,
                "end of a backfill",
                every=1,
            )
            assert found.status.name.startswith("COMPLETED"), found


def seen(page, text):
    """Wait until a text is shown, and require that it is within the window."""
    place = page.get_by_text(text).first
    expect(place).to_be_visible()
    expect(place).to_be_in_viewport(ratio=1)


@pytest.fixture
def window(page):
    """A browser's window of the size that many have."""
    page.set_viewport_size({"width": 1440, "height": 900})
    expect.set_options(timeout=120_000)
    page.set_default_timeout(120_000)
    return page


def test_cancelled_in_the_browser_and_resumed(served, window):
    """Whoever cancels a run half-way and materializes again does not pay for its calls twice."""

    def materialize(before):
        window.goto(f"{served.address}/assets/held")
        window.get_by_role("button", name=re.compile("Materialize")).first.click()
        return served.run_of(
            lambda run: dg.AssetKey("held") in (run.asset_selection or ()) and run.run_id != before
        )

    run = materialize(None)
    begun = served.project.data / "_runs" / "held"
    wait_for(lambda: begun.exists() and parts_told(begun) == 5, LONG, "half of the calls", every=1)
    window.goto(f"{served.address}/runs/{run.run_id}")
    window.get_by_role("button", name="Terminate").first.click()
    window.get_by_role("button", name="Terminate 1 run").click()
    served.ended(run, dg.DagsterRunStatus.CANCELED)
    (served.calls / "held_open").touch()
    served.ended(materialize(run.run_id))
    assert served.project.metadata("held")["reused"] == 50
    assert [served.called("held")[number] for number in range(50)] == [1] * 50
    window.goto(f"{served.address}/assets/held")
    expect(window.get_by_text("items_per_second").first).to_be_visible()
    window.screenshot(path=PICTURES / "held.png")


def test_a_bad_record_is_two_clicks_away(served, window):
    """From the asset's page, its checks and their failures lead to the error and to the item."""
    served.ended(served.of_backfill(served.all))
    window.goto(f"{served.address}/assets/counted")
    window.get_by_role("tab", name="Checks").click()
    window.get_by_text("failures", exact=True).first.click()
    seen(window, re.compile(f"1 of 350 items failed.*{DAYS[2]}/007.json: JSONDecodeError"))
    seen(window, re.compile("^JSONDecodeError$"))
    window.screenshot(path=PICTURES / "failures.png")


def test_the_launchpad(served, window):
    """Each option is there with its sentence, and a value out of bounds is refused before there is a run."""
    window.goto(f"{served.address}/assets/scored")
    button = window.get_by_role("button", name=re.compile("Materialize")).first
    button.locator("xpath=following::button[1]").click()
    window.get_by_text("Open launchpad").click()
    editor = window.locator(".CodeMirror")
    expect(editor).to_be_visible()
    editor.evaluate("(one, text) => one.CodeMirror.setValue(text)", CONFIG)
    editor.evaluate("one => {one.CodeMirror.focus(); one.CodeMirror.setCursor(3, 8)}")
    for name, sentence in (
        ("retries", "Most further calls"),
        ("workers", "Workers of each strategy"),
    ):
        for text in (f"/* {sentence}", f"{name}?"):
            place = window.get_by_text(text).first
            place.scroll_into_view_if_needed()
            expect(place).to_be_in_viewport()
    window.screenshot(path=PICTURES / "launchpad.png")
    before = {run.run_id for run in served.project.runs()}
    window.get_by_role("button", name="Materialize").last.click()
    expect(window.get_by_text(re.compile("a whole number from 1 to 512")).first).to_be_visible()
    window.screenshot(path=PICTURES / "refused.png")
    with served.project.instance() as instance:
        runs = [run for run in instance.get_runs() if run.run_id not in before]
    assert not [run for run in runs if "workers" in str(run.run_config)]


CONFIG = "ops:\n  scored:\n    config:\n      workers: 100000\n"
