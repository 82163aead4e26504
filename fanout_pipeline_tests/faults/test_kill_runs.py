"""Runs are killed at random moments, wholly or in part: what is visible is whole, and a re-run is, too."""

import contextlib
import functools
import os
import signal
import time

import psutil
import pytest

from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.end_to_end.project import Project
from fanout_pipeline_tests.faults.rounds import FULL, ITEMS, ROUNDS, chance
from fanout_pipeline_tests.processes import GONE_SECONDS, describe, lives
from fanout_pipeline_tests.results.layout import generations

STRATEGIES = ("multiprocess", "dagster_multiprocess", "serial", "threads", "vectorized")
EVERYTHING, MAIN, ANY = "everything at once", "the main process", "any process"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the numbers."""
    project = Project.new(tmp_path_factory.mktemp("killed") / "project")
    write_numbers(project.data / "numbers.txt", ITEMS)
    yield project
    project.end_all()


@pytest.fixture(scope="module")
def undisturbed(project):
    """The digest of a strategy's results, and how long an undisturbed run takes."""

    @functools.cache
    def run(strategy):
        began = time.monotonic()
        code, output = project.materialize(f"squares/{strategy}")
        assert code == 0, output
        return project.digest(strategy), time.monotonic() - began

    return run


def kill(project, process, victim, number, rng):
    """Send the signal; gives all processes that were there."""
    known = project.processes() | {psutil.Process(process.pid)}
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        match victim:
            case "everything at once":
                # Not one after the other: none may see another's end.
                os.killpg(process.pid, number)
                for one in known:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.send_signal(number)
            case "the main process":
                os.kill(process.pid, number)
            case "any process":
                rng.choice(sorted(known, key=lambda one: one.pid)).send_signal(number)
    return known


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS if FULL else 1))
def test_a_run_is_killed(number, project, undisturbed):
    """Power cut, out of memory, kill -9: no process is left; the same command gives all results."""
    rng = chance("runs", number)
    strategy = STRATEGIES[number % len(STRATEGIES)]
    expected, seconds = undisturbed(strategy)
    victim = rng.choice((EVERYTHING, EVERYTHING, MAIN, ANY))
    sent = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    process = project.start(
        "dagster", "asset", "materialize", "-m", "fanout_pipeline.definitions",
        "--select", f"squares/{strategy}",
    )  # fmt: skip
    # The first half of a run is Dagster's start, where there is little to break.
    time.sleep(rng.uniform(0.3, 1.0) * seconds)
    known = kill(project, process, victim, sent, rng)
    told = f"round {number}: {strategy}, {sent.name} to {victim}"
    process.wait(120)
    known |= project.processes()
    began = time.monotonic()
    while (
        left := set(filter(lives, known | project.processes()))
    ) and time.monotonic() - began < GONE_SECONDS:
        time.sleep(0.05)
    described = [describe(one) for one in left]
    project.end_all()
    assert described == [], told
    folder = project.data / "squares" / strategy
    assert ResultFolder(folder).manifest().digest == expected, told
    code, output = project.materialize(f"squares/{strategy}")
    assert code == 0, f"{told}\n{output}"
    assert project.digest(strategy) == expected, told
    assert generations(folder) == {folder.resolve()}, told
    assert not list(project.data.rglob("*.tmp")), told
