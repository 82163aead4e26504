"""Where did the time go? Every strategy's phases sum to its wall time and say what is true."""

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_strategies import EACH_ONCE, WITHOUT_PROCESSES, given_to

COUNT = 100_000
QUEUES = ("queue", "indexed_queue")
PARALLEL = [case for case in EACH_ONCE if not STRATEGIES[case[0]].single]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]
every_case = pytest.mark.parametrize(("name", "method"), EACH_ONCE)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """The integers from 0, one a line."""

    def write(count):
        path = folder / f"{count}.txt"
        path.write_text("".join(f"{number}\n" for number in range(count)))
        return path

    folder = tmp_path_factory.mktemp("numbers")
    return write


def run(name, method, file, function, folder, chunks=8):
    batch = square_batch if function is square else functions.Batch(function)
    spec = FanoutSpec("squares", IntegerLines(str(file)), given_to(name, function), batch)
    return run_strategy(STRATEGIES[name], spec, folder, Options(2, method), chunks=chunks)


def unaccounted(record):
    """The part of the wall time that the phases do not explain, or explain twice."""
    return abs(record.wall_seconds - sum(record.phases.values())) / record.wall_seconds


# What an account lacks it lacks in every run; a process that the system stops for some milliseconds
# between two stamps is not the account's fault. Hence the best of three.


@every_case
def test_phases_sum_to_the_wall_time_of_small_calls(name, method, numbers, tmp_path):
    """Of a run of many quick calls, the phases explain all but 3 % of the wall time."""
    file = numbers(COUNT)
    runs = [run(name, method, file, square, tmp_path / name) for _ in range(3)]
    assert min(map(unaccounted, runs)) < 0.03
    for record in runs:
        assert set(record.phases) <= set(PHASES)
        assert list(record.phases) == [phase for phase in PHASES if phase in record.phases]
        assert {"start", "read", "call", "write", "commit", "stop"} <= set(record.phases)
        assert min(record.phases.values()) >= 0


@every_case
def test_sleep_is_the_functions_time(name, method, numbers, tmp_path):
    """Time that the function takes is shown as `call`, whoever calls it and wherever."""
    record = run(name, method, numbers(100), functions.sleeps_5_ms, tmp_path / name)
    assert record.phases["call"] >= 100 * 0.005 / record.workers
    imports = record.phases["start"] - record.start_seconds
    assert record.phases["call"] > 0.5 * (record.run_seconds - imports)
    assert unaccounted(record) < 0.03


def test_waits_in_flight_are_the_functions_time(numbers, tmp_path):
    """Waits beside each other are `call` once, and what is read and written meanwhile is not told again."""
    spec = FanoutSpec("waits", IntegerLines(str(numbers(2000))), functions.waits_5_ms)
    options = Options(1, "none", concurrency=200)
    record = run_strategy(STRATEGIES["asyncio"], spec, tmp_path / "waits", options, chunks=8)
    assert 10 * 0.005 <= record.phases["call"] < 2000 * 0.005 / 2
    assert record.phases["call"] > 0.5 * record.run_seconds
    assert unaccounted(record) < 0.03
    parts = ResultFolder(tmp_path / "waits").manifest().parts
    assert sum(part.call_seconds for part in parts) <= record.run_seconds
    assert all(0 < part.call_cpu_seconds <= part.call_seconds for part in parts)


@pytest.mark.parametrize(("name", "method"), PARALLEL)
def test_a_worker_without_work_waits(name, method, numbers, tmp_path):
    """Where one item takes longer than all others together, the other worker is shown to wait."""
    record = run(name, method, numbers(20), functions.sleeps_on_first, tmp_path / name)
    # One of two workers sleeps, the other is done at once: half of the workers' time is waiting.
    assert 0.5 < record.phases["wait"] / record.phases["call"] < 1.5
    assert unaccounted(record) < 0.03


@every_case
def test_what_travels_is_counted(name, method, numbers, tmp_path):
    """Bytes between processes: a few a number and way through queues, else results' words at most."""
    record = run(name, method, numbers(COUNT), square, tmp_path / name)
    if name in WITHOUT_PROCESSES:
        assert (record.sent_bytes, record.pickle_seconds) == (0, 0.0)
    elif name == "multiprocess":
        assert 8 * COUNT < record.sent_bytes < 8 * COUNT + 20_000
    else:
        # A task of its own is 10 bytes or more, an integer in a list 3 to 10.
        least = 13 if name in QUEUES else 6
        assert least * COUNT < record.sent_bytes < 60 * COUNT
        assert 0 < record.pickle_seconds < record.cpu_seconds


@every_case
def test_processor_time_of_the_calls(name, method, numbers, tmp_path):
    """Each chunk tells CPU time from wall time: a function that sleeps uses next to none."""
    run(name, method, numbers(100), functions.sleeps_5_ms, tmp_path / name)
    parts = ResultFolder(tmp_path / name).manifest().parts
    parts = [part for part in parts if part.call_seconds]
    assert bool(parts) == (name in (*WITHOUT_PROCESSES, "multiprocess"))
    assert all(0 < part.call_cpu_seconds < part.call_seconds / 4 for part in parts)


def test_a_run_with_fewer_chunks_than_workers(numbers, tmp_path):
    """A worker that was given nothing at all counts as a worker that waits."""
    for name, method in (("threads", "none"), ("multiprocess", "spawn")):
        record = run(name, method, numbers(20), functions.sleeps_on_first, tmp_path / name, 1)
        assert record.phases["call"] > 0.2
        assert record.phases["wait"] >= record.phases["call"]
        assert unaccounted(record) < 0.03
