"""`dagster_multiprocess`, killed in the middle and re-executed from failure, as a user does it."""

import os
import signal

import dagster as dg
import pytest

from fanout_pipeline_tests.end_to_end.project import wait_for

LINES, CHUNKS = 32, 8
CONFIG = f"resources: {{fanout: {{config: {{workers: 2, chunks: {CHUNKS}}}}}}}"
MINE = """
    import dagster as dg
    from waiting import wait
    from fanout_pipeline.defs.factory import fanout_definitions
    from fanout_pipeline.fanout import FanoutSpec
    from fanout_pipeline.sources import TextLines

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
        time.sleep(0.25)
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
            with dg.execute_job(made, instance, reexecution_options=again) as result:
                sys.exit(not result.success)
"""


@pytest.fixture
def steps(guest):
    guest.write(mine=MINE, waiting=WAITING.format(version="old"), again=AGAIN)
    guest.lines(range(100, 100 + LINES))
    (guest.works_in / "config.yaml").write_text(CONFIG)
    return guest


def run_until(guest, arguments, condition, number):
    """Run a command, and end it with a signal as soon as the condition holds."""
    process = guest.start(*arguments)
    wait_for(lambda: condition() or process.poll() is not None, 60, "moment")
    assert process.poll() is None, guest.output()
    os.killpg(process.pid, number)
    process.wait(20)
    guest.end_all()


def parts_told(guest, least):
    """At least so many parts are told of in ledgers, beside those told of before."""

    def told():
        hidden = guest.data / "lines" / ".dagster_multiprocess"
        return sum(
            len(file.read_text().splitlines()) - 1 for file in hidden.glob("*/_ledger.jsonl")
        )

    before = told()
    return lambda: told() >= before + least


def chunks_ended(guest, least):
    """The event log says that at least so many chunk steps have succeeded in the last run."""
    before = {run.run_id for run in guest.runs()}

    def ended():
        with guest.instance() as instance:
            runs = [run for run in instance.get_runs() if run.run_id not in before]
            if not runs:
                return False
            logs = instance.all_logs(runs[0].run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
            return sum("lines_chunk[" in entry.step_key for entry in logs) >= least

    return ended


def again(guest):
    code, output = guest.run("python", "again.py")
    assert code == 0, output


def calls(guest):
    """Since the last look."""
    file = guest.folder / "calls.txt"
    found = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


EXECUTE = ("dagster", "job", "execute", "-m", "mine", "-j", "steps", "-c", "config.yaml")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_is_finished_by_its_re_execution(steps, number):
    """Chunks whose steps never began, too, which Dagster skips; and what was done is not done again."""
    run_until(steps, EXECUTE, chunks_ended(steps, 2), number)
    first = calls(steps)
    assert 8 <= len(first) < LINES
    again(steps)
    assert steps.results("lines/dagster_multiprocess") == [
        f"old {n}" for n in range(100, 100 + LINES)
    ]
