"""A run that is killed leaves no process behind, and whole results: the earlier or the new ones."""

import contextlib
import json
import os
import signal
import subprocess
import time
from itertools import product

import psutil
import pytest

from fanout_pipeline import iter_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.end_to_end.project import COUNT, LOCATION
from fanout_pipeline_tests.faults.rounds import FULL
from fanout_pipeline_tests.names import STRATEGIES
from fanout_pipeline_tests.processes import GONE_SECONDS, describe, lives, wait_for
from fanout_pipeline_tests.results.layout import generations, runs_of

NEW = 300_000


def at_start(project):
    """The run has its first processes, and no results yet."""
    return lambda: len(project.processes()) > 1


def in_strategy(strategy, sign, times=1):
    """`sign` has appeared in the folder that a strategy writes to, aside from its results."""

    def moment(project):
        runs = runs_of(project.data / "squares" / strategy)
        before = set(runs.glob(f"*/{sign}"))
        return lambda: len(set(runs.glob(f"*/{sign}")) - before) >= times

    return moment


MOMENTS = {
    "start": at_start,
    "multiprocess": in_strategy("multiprocess", "part-00000.parquet"),
    "chunks": in_strategy("dagster_multiprocess", "part-*.parquet"),
    "last chunk": in_strategy("dagster_multiprocess", "part-*.parquet", 4),
    "trials of a run": in_strategy("trials", "run-*/history"),
}
"""A moment is told by what the run has done, so that it is the same on a slow machine."""
LATER = {"trials of a run": 1.5}
"""Seconds after the sign: workers are starting then, or at work."""
RUNS_ONLY = {"ops": {"squares__trials": {"config": {"strategies": ["dagster_multiprocess"]}}}}
JOBS = {
    "trials": (
        *("asset", "materialize", *LOCATION, "--select", "squares/trials"),
        *("--config-json", json.dumps(RUNS_ONLY)),
    )
}
"""What is run without a job, as arguments of the command."""


def kill(project, job, moment, number, group):
    """Kill a run; the processes that do not end of that, described, after ending them."""
    reached = MOMENTS[moment](project)
    config = {"ops": {"numbers_file": {"config": {"count": NEW}}}}
    arguments = JOBS.get(job) or project.job_arguments(job, config)
    process = project.start("dagster", *arguments)
    wait_for(lambda: reached() or process.poll() is not None, 120, f"moment {moment}")
    time.sleep(LATER.get(moment, 0))
    assert process.poll() is None, project.output()
    known = {psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)}
    known |= project.processes()
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GONE_SECONDS)
    while (
        left := set(filter(lives, known | project.processes()))
    ) and time.monotonic() - began < GONE_SECONDS:
        time.sleep(0.1)
    described = [describe(one) for one in left]
    for one in left:
        one.kill()
    process.wait(GONE_SECONDS)
    assert process.returncode != 0
    return described


def assert_whole(project, earlier):
    """Everything visible is of the earlier numbers or of the new ones, and complete."""
    inputs = {len(earlier): earlier, NEW: list(range(NEW))}
    numbers = project.numbers()
    assert numbers == inputs[len(numbers)]
    for strategy in STRATEGIES:
        folder = project.data / "squares" / strategy
        items = ResultFolder(folder).manifest().items
        results = [n for batch in iter_results(folder) for n in batch["result"].tolist()]
        expected = [n * n for n in inputs[items]]
        if strategy == "queue":
            results.sort()
            expected.sort()
        assert results == expected, strategy
    report = json.loads((project.data / "squares" / "comparison" / "report.json").read_text())
    assert report["items"] in inputs


INTERRUPTIONS = [
    ("comparison_job", "start", signal.SIGINT, True),
    ("comparison_job", "multiprocess", signal.SIGTERM, False),
    ("multiprocess_job", "chunks", signal.SIGINT, False),
    ("trials", "trials of a run", signal.SIGTERM, True),
]
"""To the main process, or to its group. In full, every signal to both at every moment."""
if FULL:
    moments = [(job, moment) for job, moment, *_ in INTERRUPTIONS]
    moments += [("multiprocess_job", "last chunk")]
    signals = product(moments, (signal.SIGINT, signal.SIGTERM), (False, True))
    INTERRUPTIONS = [(*moment, number, group) for moment, number, group in signals]


@pytest.mark.faults
@pytest.mark.parametrize(("job", "moment", "number", "group"), INTERRUPTIONS)
def test_an_interrupted_run_ends_with_all_its_processes(
    finished, job, moment, number, group, temp_folder
):
    """Ctrl-C, or a service manager's stop: all processes end, and what is visible is whole."""
    temporary = set(temp_folder.iterdir())
    earlier = finished.numbers()
    left = kill(finished, job, moment, number, group)
    assert left == [], "\n".join(left)
    assert_whole(finished, earlier)
    assert all(run.is_finished for run in finished.runs())
    assert set(temp_folder.iterdir()) == temporary


def test_processes_end_when_the_main_process_is_killed_outright(finished):
    """Out of memory, or kill -9: the main process cannot say good-bye, and still all others end."""
    earlier = finished.numbers()
    left = kill(finished, "trials", "trials of a run", signal.SIGKILL, group=False)
    assert left == [], "\n".join(left)
    assert_whole(finished, earlier)


def test_the_next_run_clears_up_after_a_killed_one(finished):
    """What a killed run wrote and did not finish does not fill the disk for ever."""
    earlier = finished.numbers()
    left = kill(finished, "multiprocess_job", "chunks", signal.SIGKILL, group=False)
    assert left == [], "\n".join(left)
    assert_whole(finished, earlier)
    assert len(generations(finished.data / "squares" / "dagster_multiprocess")) == 2
    config = {"ops": {"numbers_file": {"config": {"count": COUNT}}}}
    code, output = finished.execute("multiprocess_job", config)
    assert code == 0, output
    for strategy in ("multiprocess", "dagster_multiprocess"):
        folder = finished.data / "squares" / strategy
        assert generations(folder) == {folder.resolve()}
