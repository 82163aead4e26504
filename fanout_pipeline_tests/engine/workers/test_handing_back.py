"""Workers hand results back in short runs and write them in long ones: the results are the same."""

import os
import sys
from dataclasses import asdict

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.workers import run as workers_run
from fanout_pipeline.engine.workers.pool import WorkerPool
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.engine.workers import functions

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{number}\n" for number in range(300)))
    return path


def run(function, file, folder, name="multiprocess", failures=FAIL, chunks=None, **more):
    options = Options(workers=2, chunks=chunks, **asdict(failures))
    spec = FanoutSpec("numbers", IntegerLines(str(file)), function)
    return run_strategy(STRATEGIES[name], spec, folder, options, **more)


@pytest.fixture
def arrow_is_there():
    """A function that travels by value: this module imports what workers are to do without."""
    return lambda number: "pyarrow" in sys.modules


def test_a_short_run_does_not_wait_for_arrow(arrow_is_there, file, tmp_path):
    """Workers whose results the parent can write soon import neither Arrow nor NumPy."""
    run(arrow_is_there, file, tmp_path / "out", chunks=7)
    assert read_results(tmp_path / "out")["result"].tolist() == [False] * 300


def test_parts_tell_who_made_them(file, tmp_path):
    """Who called the function is on record, not who has written its results."""
    run(functions.pid, file, tmp_path / "out", chunks=7)
    results = read_results(tmp_path / "out")["result"]
    for part in ResultFolder(tmp_path / "out").manifest().parts:
        assert set(results[part.first_index :][: part.items]) == {part.pid} != {os.getpid()}
        assert part.write_seconds > 0
        assert part.call_seconds > 0


def test_a_long_run_has_its_workers_write(arrow_is_there, file, tmp_path, monkeypatch):
    """Once it has sent its share of the results, a worker imports Arrow and writes parts itself."""
    monkeypatch.setattr(workers_run, "SENT_BYTES", 4000)  # Two chunks of each of two workers.
    run(arrow_is_there, file, tmp_path / "out", chunks=9)
    results = read_results(tmp_path / "out")["result"].tolist()
    by_worker = {}
    for part in ResultFolder(tmp_path / "out").manifest().parts:
        by_worker.setdefault(part.pid, []).append(results[part.first_index])
    # How many chunks each has got is chance; of nine one of them has got five.
    assert max(map(len, by_worker.values())) >= 5
    for written in by_worker.values():
        assert written == sorted(written)
        assert written[:4] != [True] * len(written[:4])
        assert all(written[4:])


def test_workers_that_are_kept_write(arrow_is_there, file, tmp_path):
    """The second run of the same workers finds Arrow there."""
    run(arrow_is_there, file, tmp_path / "out", warm_runs=1)
    assert read_results(tmp_path / "out")["result"].tolist() == [True] * 300


def test_a_worker_that_dies_before_it_has_warmed_up(file, tmp_path, monkeypatch):
    """Another takes its place, as in a run."""
    warm_up = WorkerPool.warm_up

    def kill_one(pool):
        psutil.Process(pool.usage()[0].pid).kill()
        warm_up(pool)

    monkeypatch.setattr(WorkerPool, "warm_up", kill_one)
    run(int, file, tmp_path / "out", warm_runs=1)
    assert read_results(tmp_path / "out")["result"].tolist() == list(range(300))


@pytest.mark.parametrize(
    ("function", "failed_items"),
    [
        *((function, "null") for function in (functions.later, str, float, bytes)),
        *((functions.fails_at_seven, failed_items) for failed_items in ("null", "omit")),
    ],
)
def test_whoever_writes_the_results_are_the_same(
    function, failed_items, file, tmp_path, monkeypatch
):
    """Results of any type, and failed items, are the same as in a loop, handed back or not."""
    failures = FailurePolicy("quarantine", failed_items)
    alone = run(function, file, tmp_path / "serial", "serial", failures=failures)
    handed = run(function, file, tmp_path / "handed", chunks=5, failures=failures)
    monkeypatch.setattr(workers_run, "SENT_BYTES", 0)
    written = run(function, file, tmp_path / "written", chunks=5, failures=failures)
    assert handed.digest == written.digest == alone.digest
    assert handed.failed == written.failed == alone.failed


def test_a_worker_that_dies_in_the_middle_of_its_answer(file, tmp_path):
    """Nobody waits for the rest of it, and a process that its function forked holds the socket open no more."""
    run(functions.DiesAsItAnswers(tmp_path / "mark"), file, tmp_path / "out")
    assert read_results(tmp_path / "out")["result"].tolist() == ["x" * 1000] * 300
    assert not psutil.pid_exists(int((tmp_path / "mark").read_text()))


def test_imports_for_failed_items_are_no_time_of_the_calls(file, tmp_path):
    """What a failed item makes a worker import does not make the function look slow."""
    failures = FailurePolicy("quarantine")
    # What the system does to a process between two stamps is chance, what is counted wrongly is not.
    for _ in range(10):
        record = run(functions.fails_at_seven, file, tmp_path / "out", failures=failures)
        assert record.failed == 3
        parts = ResultFolder(tmp_path / "out").manifest().parts
        if sum(part.call_seconds for part in parts) < record.phases["start"]:
            return
    raise AssertionError([part.call_seconds for part in parts])
