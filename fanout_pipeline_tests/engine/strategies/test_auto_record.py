"""What is recorded of auto says what it did, not what it was asked for; and its results depend on all it may call."""

import os

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.functions.identity import Basis, identity_of
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.engine.strategies import functions


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_numbers(tmp_path / "numbers.txt", 100)
    return IntegerLines(str(tmp_path / "numbers.txt"))


def run(spec, folder, **how):
    return run_strategy(STRATEGIES["auto"], spec, folder, Options(workers=2), **how)


def test_a_run_without_worker_processes_says_so(numbers, tmp_path):
    """A batch function is called in this process: none was started, whatever the strategy may start."""
    spec = FanoutSpec("n", numbers, square, batch_function=square_batch)
    record = run(spec, tmp_path / "results")
    assert (record.start_method, record.worker_pids) == ("none", (os.getpid(),))
    assert record.workers == 1
    assert record.why.startswith("by the batch function, ")


@pytest.mark.slow
def test_the_record_is_of_the_first_run(numbers, tmp_path):
    """What a trial's second run chose, by workers that were there already, is not what the first did."""
    lines = []
    spec = FanoutSpec("n", numbers, functions.pid_after_2_ms)
    record = run(spec, tmp_path / "results", warm_runs=1, log=lines.append)
    first, second = (line for line in lines if line.startswith("auto: "))
    assert record.why in first
    assert second != first
    assert record.start_method == "spawn"
    assert record.workers == len(record.worker_pids)


@pytest.mark.slow
def test_workers_that_are_there_already_are_said_to_be(numbers, tmp_path):
    """Those that joined the first run do the second from its beginning."""
    lines = []
    spec = FanoutSpec("n", numbers, functions.waits_10_ms)
    record = run(spec, tmp_path / "results", warm_runs=1, log=lines.append)
    assert record.workers == 2
    assert "2 worker processes" in [line for line in lines if line.startswith("auto: ")][-1]


def test_what_it_may_call_is_part_of_its_identity(numbers):
    """Parts that another batch function has made are not reused; other strategies do not care."""

    def identity(name, batch_function):
        spec = FanoutSpec("n", numbers, abs, batch_function=batch_function)
        return identity_of(STRATEGIES[name], spec, Basis.of(spec), Options(workers=2))

    assert identity("auto", sorted) != identity("auto", list) != identity("auto", None)
    assert identity("serial", sorted) == identity("serial", list)


@pytest.mark.slow
def test_a_worker_that_comes_too_late_is_there_for_the_next_run(numbers, tmp_path):
    """The next run of the same crew has it, however long it took to join."""
    spec = FanoutSpec("n", numbers, functions.pid_after_2_ms)
    record = run(spec, tmp_path / "results", warm_runs=5)
    assert len(record.warm_seconds) == 5
