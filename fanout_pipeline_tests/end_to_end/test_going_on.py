"""Runs that were ended in the middle, and what a user does then."""

import os
import re
import signal

import pytest

from fanout_pipeline_tests.processes import wait_for
from fanout_pipeline_tests.results.layout import runs_of

LINES, CHUNKS = 32, 8
CONFIG = f"resources: {{fanout: {{config: {{workers: 2, chunks: {CHUNKS}}}}}}}"
KEPT = r"(\d+) chunks?, (\d+) of 32 items are kept; materialize again to resume"
MINE = """
    import dagster as dg
    from waiting import wait
    from fanout_pipeline.defs.lab.factory import fanout_definitions
    from fanout_pipeline import FanoutSpec
    from fanout_pipeline import TextLines

    job = dg.define_asset_job("steps", [dg.AssetKey(["lines", "dagster_multiprocess"])])
    defs = dg.Definitions.merge(
        fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), wait)),
        dg.Definitions(jobs=[job]),
    )

    def steps():
        return defs.resolve_job_def("steps")
"""
WAITING = """
    import os, time
    from pathlib import Path

    def wait(line):
        with open(Path(os.environ["FANOUT_DATA"]).parent / "calls.txt", "a") as calls:
            calls.write(line + "\\n")
        time.sleep(0.15)
        return "{version} " + line
"""
AGAIN = """
    import sys
    import dagster as dg
    import mine

    if __name__ == "__main__":
        with dg.DagsterInstance.get() as instance:
            last = instance.get_runs(limit=1)[0]
            if not last.is_finished:  # killed; what Dagster's monitoring of runs says of it in time
                instance.report_run_failed(last)
            made = dg.reconstructable(mine.steps)
            again = dg.ReexecutionOptions.from_failure(last.run_id, instance)
            config = last.run_config
            with dg.execute_job(made, instance, config, reexecution_options=again) as result:
                sys.exit(not result.success)
"""


@pytest.fixture
def steps(guest):
    guest.write(mine=MINE, waiting=WAITING.format(version="old"), again=AGAIN)
    guest.lines(range(100, 100 + LINES))
    (guest.works_in / "config.yaml").write_text(CONFIG)
    return guest


def run_until(guest, arguments, condition, number, *, group=True):
    """Run a command, and end it with a signal as soon as the condition holds."""
    process = guest.start(*arguments)
    wait_for(lambda: condition() or process.poll() is not None, 180, "moment")
    assert process.poll() is None, guest.output()
    (os.killpg if group else os.kill)(process.pid, number)
    process.wait(60)
    guest.end_all()


def parts_told(guest, least, key="lines/dagster_multiprocess"):
    """At least so many parts are told of in ledgers, beside those told of before."""

    def told():
        ledgers = [file.read_text() for file in runs_of(guest.data / key).glob("*/_ledger.jsonl")]
        return sum(len(ledger.splitlines()) - 1 for ledger in ledgers)

    before = told()
    return lambda: told() >= before + least


def calls(guest):
    """Since the last look."""
    file = guest.folder / "calls.txt"
    found = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def called(guest, times):
    """The function was called so often since the last look."""
    file = guest.folder / "calls.txt"
    return lambda: file.exists() and len(file.read_text().split()) >= times


def all_of(version):
    return [f"{version} {n}" for n in range(100, 100 + LINES)]


STEPS = "lines/dagster_multiprocess"
EXECUTE = ("dagster", "job", "execute", "-m", "mine", "-j", "steps", "-c", "config.yaml")
AGAIN_FROM_FAILURE = ("python", "again.py")


def test_a_run_that_was_ended_is_finished_by_its_re_execution(steps):
    """Its event log says what it has kept, and that is not done again; chunks whose steps never began are
    done, too, which Dagster skips."""
    # Two chunks are done, and a third is in its function.
    run_until(steps, EXECUTE, called(steps, 10), signal.SIGTERM, group=False)
    with steps.instance() as instance:
        (run,) = instance.get_runs()
        told = [entry.user_message for entry in instance.all_logs(run.run_id)]
    # Each of the steps that were ended says it, whichever is the last to write it down.
    found = filter(None, (re.fullmatch(KEPT, line) for line in told))
    kept = max(found, key=lambda match: int(match[1]))
    assert kept[0] in steps.output()
    assert len(calls(steps)) < LINES
    code, output = steps.run(*AGAIN_FROM_FAILURE)
    assert code == 0, output
    assert steps.results(STEPS) == all_of("old")
    found = steps.metadata(STEPS)
    assert 4 <= found["reused_items"] == LINES - len(calls(steps))
    assert [found["reused_chunks"], found["reused_items"]] == list(map(int, kept.groups()))


def test_a_run_that_is_ended_again_and_again_is_finished_in_one_version(steps):
    """Re-executions that were killed themselves, and a function that was mended in between."""
    run_until(steps, EXECUTE, parts_told(steps, 1), signal.SIGKILL)
    calls(steps)
    steps.write(waiting=WAITING.format(version="new"))
    run_until(steps, AGAIN_FROM_FAILURE, called(steps, 4), signal.SIGKILL)
    calls(steps)
    code, output = steps.run(*AGAIN_FROM_FAILURE)
    assert code == 0, output
    assert steps.results(STEPS) == all_of("new")
    assert len(calls(steps)) <= LINES
