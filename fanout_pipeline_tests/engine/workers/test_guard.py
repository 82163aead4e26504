"""Programs that the function starts end with the worker that has started them, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline_tests.contract.functions.starting_programs import PROGRAMS, Starts, sleeping
from fanout_pipeline_tests.contract.runs import run as run_anyhow
from fanout_pipeline_tests.processes import GONE_SECONDS, lives, until

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the group alone is known"),
]


@pytest.fixture
def seconds():
    """A time that nothing else sleeps; in the end nobody does."""
    duration = f"47{os.getpid()}.{time.monotonic_ns() % 10**9}"
    yield duration
    left = sleeping(duration)
    for process in left:
        process.kill()
    assert not left


def run(folder, function, items=2, policy=FAIL):
    file = folder / "numbers.txt"
    file.write_text("".join(f"{number}\n" for number in range(items)))
    return run_anyhow("multiprocess", file, function, folder / "out", chunks=2, failures=policy)


def started(folder):
    return len(list(folder.glob("*.started")))


def test_programs_end_with_an_orderly_run(seconds, tmp_path):
    """What still runs when all items are done ends with the workers, which has not changed the results."""
    run(tmp_path, Starts(seconds, "returns", tmp_path))
    assert not sleeping(seconds)
    assert read_results(tmp_path / "out")["result"].tolist() == [0, 1]


@pytest.mark.parametrize("then", ["raises", "is killed", "exits"])
def test_programs_end_with_a_worker(then, seconds, tmp_path):
    """Whether the function fails or its worker dies: nothing that it has started is there afterwards."""
    with pytest.raises(ItemFailed):
        run(tmp_path, Starts(seconds, then, tmp_path))
    assert not sleeping(seconds)


def test_programs_end_with_a_call_that_takes_too_long(seconds, tmp_path):
    """`item_timeout_seconds` ends the call with all that it waits for."""
    policy = FailurePolicy("quarantine", item_timeout_seconds=1.0)
    record = run(tmp_path, Starts(seconds, "hangs", tmp_path), policy=policy)
    assert record.failed == 2
    assert not sleeping(seconds)


def test_programs_end_before_the_item_is_done_again(seconds, tmp_path):
    """An item whose worker was killed from outside is called anew when nothing of the first call is left."""

    def function(number):
        assert not (tmp_path / "0.started").exists() or not sleeping(seconds)
        return Starts(seconds, "returns" if started(tmp_path) else "is killed", tmp_path)(number)

    run(tmp_path, function, items=1)
    assert not sleeping(seconds)
    assert read_results(tmp_path / "out")["result"].tolist() == [0]


def test_a_guard_is_killed_alone(seconds, tmp_path):
    """Its worker is killed with it and replaced; what has not left the worker's group ends."""
    with pytest.raises(ItemFailed):
        run(tmp_path, Starts(seconds, "loses its guard", tmp_path))
    left = sleeping(seconds)
    assert all(os.getsid(process.pid) == process.pid for process in left)
    for process in left:
        process.kill()
    until(lambda: not sleeping(seconds))


PROGRAM = """
import sys
from pathlib import Path
from fanout_pipeline_tests.contract.functions.starting_programs import Starts
from fanout_pipeline_tests.contract.runs import run, write_items
seconds, folder = sys.argv[1], Path(sys.argv[2])
file = write_items(folder / "numbers.txt", 2)
run("multiprocess", file, Starts(seconds, "hangs", folder), folder / "out", chunks=2)
"""


@pytest.mark.parametrize(
    ("whom", "number"),
    [
        ("the run", signal.SIGINT),
        ("the run", signal.SIGTERM),
        ("the run", signal.SIGKILL),
        ("its group", signal.SIGKILL),
        ("all but the guards", signal.SIGKILL),
    ],
)
def test_programs_end_with_the_run(whom, number, seconds, tmp_path):
    """Whatever ends the run, SIGKILL to all of its processes but the guards included, ends them."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, seconds, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    ) as parent:
        until(lambda: started(tmp_path) == 2)
        assert len(sleeping(seconds)) == 2 * PROGRAMS
        guards = psutil.Process(parent.pid).children()
        workers = [worker for guard in guards for worker in guard.children()]
        if whom == "its group":
            os.killpg(parent.pid, number)
        else:
            os.kill(parent.pid, number)
        if whom == "all but the guards":
            for worker in workers:
                with suppress(psutil.Error):
                    worker.send_signal(number)
    until(lambda: not sleeping(seconds), GONE_SECONDS)
    psutil.wait_procs([*guards, *workers], timeout=GONE_SECONDS)
    assert not any(map(lives, [*guards, *workers]))
    shutil.rmtree(tmp_path / "_runs")  # what a next run would remove


THREADED = """
import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""


def test_an_interpreter_that_has_threads_is_not_forked(seconds, tmp_path, monkeypatch):
    """Where every interpreter starts a thread (a profiler's), workers have it, and a guard, too."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(THREADED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(ROOT)]))

    def function(number):
        import threading

        Starts(seconds, "returns", tmp_path)(number)
        return [thread.name for thread in threading.enumerate()].count("Thread-1 (sleep)")

    run(tmp_path, function)
    assert read_results(tmp_path / "out")["result"].tolist() == [1, 1]
    assert not sleeping(seconds)


def test_guards_do_not_outlive_workers_that_were_never_used(tmp_path):
    """A crew that starts and stops leaves no process, though there was nothing to guard."""
    before = set(psutil.Process().children(recursive=True))
    with worker_processes(2) as crew:
        family = set(psutil.Process().children(recursive=True)) - before
        assert len([one for one in family if one.pid in {used.pid for used in crew.usage()}]) == 2
    assert not any(map(lives, family))
