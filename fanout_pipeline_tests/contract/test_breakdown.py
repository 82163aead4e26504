"""Where did the time go? Every strategy's phases sum to its wall time and say what is true."""

from dataclasses import replace

import pytest

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.contract.cases import IN_PROCESS, RELIABLE
from fanout_pipeline_tests.contract.functions import awaiting, returning
from fanout_pipeline_tests.contract.runs import options_of, spec_of

COUNT = 20_000
QUEUES = ("queue", "indexed_queue")
PARALLEL = [
    name for name, strategy in STRATEGIES.items() if not (strategy.single or strategy.grows)
]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """The integers from 0, one a line."""

    def write(count):
        path = folder / f"{count}.txt"
        path.write_text("".join(f"{number}\n" for number in range(count)))
        return path

    folder = tmp_path_factory.mktemp("numbers")
    return write


def run(name, file, function, folder, chunks=8, **options):
    batch = square_batch if function is square else None
    spec = spec_of(name, file, function, batch)
    options = options_of(name, **options)
    return run_strategy(STRATEGIES[name], spec, folder, replace(options, chunks=chunks))


def unaccounted(record):
    """The part of the wall time that the phases do not explain, or explain twice."""
    return abs(record.wall_seconds - sum(record.phases.values())) / record.wall_seconds


def explained_run(*arguments, shows=lambda record: True, **options):
    """A run whose phases explain all but 3 % of its wall time, and which shows what it is made for.

    What an account lacks it lacks in every run; a process that the system stops for some
    milliseconds between two stamps is not the account's fault. Hence the best of some.
    """
    for _ in range(20):
        record = run(*arguments, **options)
        if unaccounted(record) < 0.03 and shows(record):
            return record
    raise AssertionError(f"{unaccounted(record):.1%} are in no phase of {record.phases}")


@pytest.mark.parametrize("name", STRATEGIES)
def test_where_the_time_of_small_calls_goes_and_what_travels(name, numbers, tmp_path):
    """Of a run of many quick calls the phases explain all but 3 % of the wall time; bytes between processes
    are a few a number and way of a baseline, else results' words at most."""
    record = explained_run(name, numbers(COUNT), square, tmp_path / name)
    assert set(record.phases) <= set(PHASES)
    assert list(record.phases) == [phase for phase in PHASES if phase in record.phases]
    assert {"start", "read", "call", "write", "commit", "stop"} <= set(record.phases)
    assert min(record.phases.values()) >= 0
    if name in IN_PROCESS:
        assert (record.sent_bytes, record.pickle_seconds) == (0, 0.0)
    elif name in RELIABLE:
        assert record.sent_bytes < 8 * COUNT + 20_000
        assert record.sent_bytes or name == "auto"  # which may have done without workers
    else:
        # A task of its own is 10 bytes or more, an integer in a list 3 to 10.
        least = 13 if name in QUEUES else 6
        assert least * COUNT < record.sent_bytes < 60 * COUNT
        assert 0 < record.pickle_seconds < record.cpu_seconds


def parts_of(name, folder):
    """The parts of a run whose calls were timed."""
    return [part for part in ResultFolder(folder / name).manifest().parts if part.call_seconds]


@pytest.mark.parametrize("name", STRATEGIES)
def test_sleep_is_the_functions_time(name, numbers, tmp_path):
    """Time that the function takes is shown as `call`, whoever calls it and wherever; each chunk tells CPU time
    from wall time: a function that sleeps uses next to none."""
    record = explained_run(
        name,
        numbers(100),
        returning.sleeps_5_ms,
        tmp_path / name,
        shows=lambda record: (
            record.phases["call"] > max(record.phases[each] for each in ("read", "write", "commit"))
            # A thread that wakes up on a busy machine waits for a core, which counts as computing.
            and all(
                part.call_cpu_seconds < part.call_seconds / 4 for part in parts_of(name, tmp_path)
            )
        ),
    )
    assert 100 * 0.005 / record.workers <= record.phases["call"] <= record.run_seconds
    parts = parts_of(name, tmp_path)
    assert bool(parts) == (name in RELIABLE)
    assert all(part.call_cpu_seconds > 0 for part in parts)


def test_waits_in_flight_are_the_functions_time(numbers, tmp_path):
    """Waits beside each other are `call` once, and what is read and written meanwhile is not told again."""
    arguments = "asyncio", numbers(2000), awaiting.waits_5_ms, tmp_path / "waits"
    record = explained_run(*arguments, concurrency=200)
    assert 10 * 0.005 <= record.phases["call"] < 2000 * 0.005 / 2
    assert record.phases["call"] <= record.run_seconds
    parts = ResultFolder(tmp_path / "waits").manifest().parts
    assert sum(part.call_seconds for part in parts) <= record.run_seconds
    assert all(0 < part.call_cpu_seconds <= part.call_seconds for part in parts)


@pytest.mark.parametrize("name", PARALLEL)
def test_a_worker_without_work_waits(name, numbers, tmp_path):
    """Where one item takes longer than all others together, the other worker is shown to wait."""
    explained_run(
        name,
        numbers(20),
        returning.sleeps_on_first,
        tmp_path / name,
        # One of two workers sleeps, the other is done at once: half of the workers' time is waiting.
        shows=lambda record: 0.5 < record.phases["wait"] / record.phases["call"] < 1.5,
    )


def test_a_run_with_fewer_chunks_than_workers(numbers, tmp_path):
    """A worker that was given nothing at all counts as a worker that waits."""
    for name in ("threads", "multiprocess"):
        record = explained_run(
            name,
            numbers(20),
            returning.sleeps_on_first,
            tmp_path / name,
            1,
            shows=lambda record: record.phases["wait"] >= record.phases["call"],
        )
        assert record.phases["call"] > 0.2
