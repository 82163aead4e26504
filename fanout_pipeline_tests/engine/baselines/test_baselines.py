"""The baselines give all results, end with an error where they cannot, and promise nothing else."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    JsonLines,
    Options,
    TextLines,
    read_results,
)
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.engine.baselines import functions
from fanout_pipeline_tests.names import BASELINES
from fanout_pipeline_tests.processes import lives, until, wait_for

PROGRAM = """
import sys
from pathlib import Path
from fanout_pipeline_tests.engine.baselines import functions, test_baselines

name, file, folder = sys.argv[1:]
test_baselines.run(name, file, functions.Slow(Path(folder, "called")), Path(folder, "results"))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(180),
]
every_baseline = pytest.mark.parametrize("name", BASELINES)


@pytest.fixture
def file(tmp_path):
    """The integers below 100."""
    return write_lines(tmp_path / "numbers.txt", range(100))


def write_lines(path, items):
    path.write_text("".join(f"{item}\n" for item in items))
    return path


def run(name, file, function, folder, *, source=IntegerLines, method=None, **more):
    strategy = STRATEGIES[name]
    spec = FanoutSpec("work", source(str(file)), function)
    options = Options(workers=2, start_method=method or strategy.start_methods[0])
    return run_strategy(strategy, spec, folder, replace(options, chunks=4), **more)


def assert_results(folder, name, expected):
    found = read_results(folder)
    assert found["index"].tolist() == list(range(len(expected)))
    results = found["result"].tolist()
    if not STRATEGIES[name].keeps_order:
        results, expected = sorted(results), sorted(expected)
    assert results == expected


def test_the_baselines_are_marked():
    """Those that are for comparison only are told by `baseline`."""
    assert {name for name, one in STRATEGIES.items() if one.baseline} == set(BASELINES)


@pytest.mark.parametrize(
    ("name", "method"), [*((name, "forkserver") for name in BASELINES), ("queue", "spawn")]
)
def test_all_results_are_there(name, method, file, tmp_path):
    """Every item has its result, cold and with the same workers again, however they are started."""
    record = run(name, file, functions.text, tmp_path / name, method=method, warm_runs=1)
    assert_results(tmp_path / name, name, [f"{number}!" for number in range(100)])
    assert (record.items, record.chunks, record.workers) == (100, 4, 2)
    assert len(record.warm_seconds) == 1
    assert record.start_method == method
    assert record.sent_bytes > 0
    assert record.pickle_seconds > 0


@pytest.mark.parametrize("name", ["queue", "pool_map"])
def test_async_functions_are_awaited(name, file, tmp_path):
    """An async function gives the same results as a plain one."""
    run(name, file, functions.awaited, tmp_path / name)
    assert_results(tmp_path / name, name, [number + 0.5 for number in range(100)])


@pytest.mark.parametrize("name", ["queue", "indexed_queue"])
def test_no_item_stops_a_worker(name, tmp_path):
    """An item that reads as the program's own word for the end is an item."""
    file = write_lines(tmp_path / "words.txt", ["STOP", "ready", "", "STOP"])
    run(name, file, functions.text, tmp_path / name, source=TextLines)
    assert_results(tmp_path / name, name, ["STOP!", "ready!", "!", "STOP!"])


RAISE = {
    functions.raises: "ZeroDivisionError: no such square today",
    functions.exits: "SystemExit: 2",
    functions.raises_awaited: "ZeroDivisionError: no such square today",
}


@pytest.mark.parametrize(("name", "function"), list(zip(BASELINES, RAISE, strict=True)))
def test_a_function_that_raises_ends_the_run(name, function, file, tmp_path, capfd):
    """The error names the item, its line and what was raised, and nothing else is printed."""
    with pytest.raises(ItemFailed) as caught:
        run(name, file, function, tmp_path / name)
    assert f"item 60 (line 61 of {file}), 60: {RAISE[function]}\n" in str(caught.value)
    assert "Traceback (most recent call last)" in str(caught.value)
    assert not (tmp_path / name).exists()
    assert capfd.readouterr().err == ""


def test_an_item_that_the_function_has_changed_has_no_place(tmp_path):
    """In a queue without indexes: the error says so, and has what was raised."""
    file = write_lines(tmp_path / "rows.jsonl", ['{"n": 1}', '{"n": 2}'])
    with pytest.raises(
        ItemFailed, match=r"somewhere in .*rows\.jsonl: .*\{'n': 2, 'seen': 1\}: Key"
    ):
        run("queue", file, functions.changes_and_raises, tmp_path / "queue", source=JsonLines)


def test_the_end_of_an_iteration_is_the_failure_of_its_item(file, tmp_path):
    """StopIteration, which ends a `map`, shortens no batch: the run ends and names the item."""
    with pytest.raises(ItemFailed, match=r"item 60 .*StopIteration"):
        run("pool_map", file, functions.ends_an_iteration, tmp_path / "pool_map")


@pytest.mark.parametrize("name", ["queue", "pool_map"])
def test_results_that_cannot_be_sent_end_the_run(name, file, tmp_path):
    """A result that cannot be pickled is an error, not a wait without an end."""
    with pytest.raises(TypeError, match="results cannot be sent between processes"):
        run(name, file, functions.cannot_be_sent, tmp_path / name)


@pytest.mark.parametrize("name", ["queue", "pool_map"])
def test_bad_input_ends_the_run(name, tmp_path):
    """A record that cannot be read is named by its line, and a file that is not there by its path."""
    broken = write_lines(tmp_path / "broken.txt", [*range(60), "12x", *range(40)])
    with pytest.raises(BadInput, match=f"line 61 of {broken}"):
        run(name, broken, functions.text, tmp_path / name)
    with pytest.raises(BadInput, match=r"absent\.txt"):
        run(name, tmp_path / "absent.txt", functions.text, tmp_path / name)


@every_baseline
def test_a_worker_that_dies_ends_the_run(name, file, tmp_path):
    """A killed worker is noticed, and earlier results stay."""
    run("serial", file, functions.text, tmp_path / name)
    earlier = (tmp_path / name).readlink()
    with pytest.raises(WorkerDied, match="exit code -9"):
        run(name, file, functions.kills_its_worker, tmp_path / name)
    assert (tmp_path / name).readlink() == earlier


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"retries": 3}, "retries=3"),
        ({"on_error": "quarantine"}, "on_error='quarantine'"),
        ({"item_timeout_seconds": 2.5}, "item_timeout_seconds=2.5"),
        ({"worker_memory_mb": 512}, "worker_memory_mb=512"),
    ],
)
@every_baseline
def test_what_they_cannot_keep_is_refused(name, options, asked, tmp_path):
    """A run with such an option is refused before the input is looked at, and told what to use."""
    spec = FanoutSpec("work", IntegerLines(str(tmp_path / "absent.txt")), functions.text)
    with pytest.raises(Unsupported, match=f"{name} .* not support {asked}.*Use multiprocess"):
        run_strategy(
            STRATEGIES[name],
            spec,
            tmp_path / name,
            Options(workers=2, start_method="spawn", **options),
        )
    assert list(tmp_path.iterdir()) == []


@every_baseline
def test_resuming_is_refused(name, file, tmp_path):
    """A run that is to go on where another stopped is refused, too."""
    with pytest.raises(Unsupported, match="resume=True"):
        run(name, file, functions.text, tmp_path / name, resume=True)


@every_baseline
def test_functions_that_cannot_be_imported_are_refused(name, file, tmp_path):
    """A lambda, which other strategies send with its code, is named."""
    with pytest.raises(Unsupported, match=r"the function .*<lambda>, which other processes cannot"):
        run(name, file, lambda number: number, tmp_path / name)


def semaphores_of(processes):
    """The files of the named semaphores that these processes have, which all users share."""
    found = set()
    for process in processes:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
                if "/sem.mp-" in line:
                    found.add(Path(line[line.index("/dev/shm") :].removesuffix(" (deleted)")))
    return found


def all_gone(family, semaphores):
    return not any(map(lives, family)) and not any(path.exists() for path in semaphores)


def at_work(mark, pid=None, others=frozenset()):
    """All processes of a run, the semaphores that they have, once a worker has called the function."""

    def found():
        family = set(psutil.Process(pid).children(recursive=True)) - others
        semaphores = semaphores_of(family)
        return (family, semaphores) if len(family) > 2 and semaphores else None

    until(mark.exists)
    return wait_for(found, 120, "two workers with their semaphores")


@pytest.mark.parametrize(
    ("name", "call_signal"),
    [*((name, signal.SIGTERM) for name in BASELINES), ("pool_map", signal.SIGINT)],
)
def test_a_signal_ends_the_run(name, call_signal, tmp_path):
    """Ctrl-C or a termination ends a run of hours at once, with all that it has started."""
    many = write_lines(tmp_path / "many.txt", range(200_000))
    mark = tmp_path / "called"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    others = set(psutil.Process().children(recursive=True))  # of tests before this one
    seen = []

    def send():
        seen.extend(at_work(mark, others=others))
        os.kill(os.getpid(), call_signal)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(name, many, functions.Slow(mark), tmp_path / name)
    finally:
        signal.signal(signal.SIGTERM, before)
    thread.join()
    until(lambda: all_gone(*seen))


@pytest.mark.parametrize(
    ("name", "whom"), [("queue", "process"), ("pool_map", "process"), ("pool_map", "group")]
)
def test_nothing_outlives_a_run_that_is_killed(name, whom, tmp_path):
    """After kill -9 its workers and named semaphores go by themselves; the next run removes its files."""
    many = write_lines(tmp_path / "many.txt", range(20_000))
    folder = tmp_path / "killed"
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, name, str(many), str(folder)]
    with subprocess.Popen(command, start_new_session=True) as process:
        seen = at_work(folder / "called", process.pid)
        if whom == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    until(lambda: all_gone(*seen))
    run(name, write_lines(many, range(9)), functions.text, folder / "results")
    assert len(read_results(folder / "results")) == 9
