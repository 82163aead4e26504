"""Whatever goes wrong: a clear error, soon; earlier results as they were; nothing left behind."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.baselines.item_queue import ItemQueue
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_strategies import (
    CASES,
    EACH_ONCE,
    WITHOUT_PROCESSES,
    assert_same_results,
    given_to,
    run_warm,
)
from fanout_pipeline_tests.results.layout import generations

WITH_PROCESSES = [case for case in CASES if case[0] not in WITHOUT_PROCESSES]
# multiprocessing.Pool puts a new worker in the place of a killed one and waits for ever for the
# results of the old (CPython issue 66587): pool_map cannot promise to end, so it is left out.
NOTICES_DEATH = [case for case in WITH_PROCESSES if case[0] != "pool_map"]
ITEM_QUEUES = [case for case in WITH_PROCESSES if case[0] in ("queue", "indexed_queue")]
# Those that go on without a worker that died.
RECOVERS = ["multiprocess"]
# Those whose parts are added one by one, as they are written.
SOON = ["serial", "threads", "vectorized", "multiprocess"]
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(60),
]
every_case = pytest.mark.parametrize(("name", "method"), EACH_ONCE)


@pytest.fixture
def file(tmp_path):
    """100 items of 5 bytes, item 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


def write_items(path, count, replaced=None):
    lines = [str(1000 + index) for index in range(count)]
    for index, line in (replaced or {}).items():
        lines[index] = line
    path.write_text("\n".join([*lines, ""]))
    return path


def run(name, method, file, function, folder, workers=2, chunks=4):
    """Run the function, as a batch function, too, where one is needed."""
    batch = functions.Batch(function) if STRATEGIES[name].batch else None
    spec = FanoutSpec("squares", IntegerLines(str(file)), given_to(name, function), batch)
    return run_strategy(STRATEGIES[name], spec, folder, Options(workers, method), chunks=chunks)


@pytest.fixture
def earlier(tmp_path, file):
    """A folder with earlier results; in the end they must be there still, to the byte."""
    folder = tmp_path / "squares" / "results"
    run("serial", "none", file, functions.same, folder)
    before = contents(folder)
    yield folder
    assert contents(folder) == before


def contents(folder):
    return folder.readlink(), {path.name: path.read_bytes() for path in folder.iterdir()}


def message_of(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


@every_case
def test_function_raises(name, method, file, earlier):
    """A function that raises is answered with the item, its line and the worker's traceback."""
    with pytest.raises(ItemFailed) as caught:
        run(name, method, file, functions.raises_on_guilty, earlier)
    first_line, _, rest = str(caught.value).partition("\n")
    assert f"{guilty(file)}: ZeroDivisionError: no such square today" in first_line
    assert "Traceback (most recent call last)" in rest
    assert "in raises_on_guilty\n" in rest
    assert rest.rstrip().endswith("ZeroDivisionError: no such square today")


@every_case
def test_function_panics_in_rust(name, method, file, earlier):
    """A Rust package's panic, which no `except Exception` sees, is the guilty item's failure."""
    with pytest.raises(ItemFailed) as caught:
        run(name, method, file, functions.panics_on_guilty, earlier)
    first_line = str(caught.value).partition("\n")[0]
    assert f"{guilty(file)}: PanicException: index out of bounds" in first_line


@every_case
@pytest.mark.timeout(20)
def test_function_raises_stop_iteration(name, method, file, earlier):
    """StopIteration, as of a bare next(), is an error like any other and ends no loop of ours."""
    with pytest.raises(ItemFailed) as caught:
        run(name, method, file, functions.stops_on_guilty, earlier)
    first_line = str(caught.value).partition("\n")[0]
    assert guilty(file) in first_line
    assert "StopIteration" in first_line


def guilty(file):
    """How a message names the guilty item, which of a batch is found by halves."""
    return f"item 60 (line 61 of {file}), 1060"


@every_case
def test_function_raises_with_many_items_waiting(name, method, tmp_path, earlier, capfd):
    """An error ends the run, quietly, whatever is still in the queues between the processes."""
    # More than a pipe holds.
    long_lines = {index: f"{index}" * 200 for index in range(100, 5000)}
    many = write_items(tmp_path / "many.txt", 5000, long_lines)
    with pytest.raises(ItemFailed, match="no such square today"):
        run(name, method, many, functions.raises_on_guilty, earlier)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("bad", ["12x", "", "1.5", "1060 1061"])
@every_case
def test_bad_line(name, method, bad, tmp_path, earlier):
    """A line that is no integer is named by its place in the whole file, not in a chunk."""
    broken = write_items(tmp_path / "broken.txt", 100, {60: bad})
    with pytest.raises(BadInput) as caught:
        run(name, method, broken, functions.same, earlier)
    assert f"line 61 of {broken}" in str(caught.value)
    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize(("name", "method"), NOTICES_DEATH)
def test_item_kills_its_worker(name, method, file, earlier):
    """A worker that is killed, as by the kernel when memory is short, ends the run with an error.

    Workers of our own are replaced, and the error is of the item in the calls of which they died.
    """
    error, message = WorkerDied, "Nothing was made visible"
    if name in RECOVERS:
        error = ItemFailed
        message = r"item 60 \(line 61 .*WorkerDied: .* was killed by SIGKILL: out of memory\?"
    with pytest.raises(error, match=message):
        run(name, method, file, functions.kills_its_worker, earlier)


@pytest.mark.parametrize(("name", "method"), NOTICES_DEATH)
def test_idle_worker_is_killed(name, method, file, earlier):
    """A worker that was killed between two runs of a crew is called dead in the second, or replaced."""
    spec = FanoutSpec("squares", IntegerLines(str(file)), functions.same)
    other = earlier.with_name("other")

    def run_kill_run(folder):
        with STRATEGIES[name].start(Options(2, method)) as crew:
            run_warm(name, crew, spec, other, 4)
            idle = psutil.Process(crew.usage()[0].pid)
            idle.kill()
            until(lambda: not lives(idle))
            time.sleep(0.2)  # Its threads end, and with the last its connections.
            run_warm(name, crew, spec, folder, 4)
            return len(crew.usage())

    if name in RECOVERS:
        assert run_kill_run(other) == 3
        assert_same_results(other, file, functions.same, keeps_order=True)
    else:
        with pytest.raises(WorkerDied):
            run_kill_run(earlier)


@pytest.fixture
def when_lists_are_sent(monkeypatch):
    """What is added is done to a worker that is in the middle of sending its list of results."""
    acts = []

    def receive(self, control):
        if acts:
            time.sleep(0.2)  # It fills its pipe.
            acts.pop()(self._process(control).pid)
        return honest(self, control)

    honest = ItemQueue._receive
    monkeypatch.setattr(ItemQueue, "_receive", receive)
    return acts


def run_with_long_lists(name, method, file, folder, acts, act):
    spec = FanoutSpec("squares", IntegerLines(str(file)), functions.long_text)
    with STRATEGIES[name].start(Options(1, method)) as crew:
        acts.append(act)
        run_warm(name, crew, spec, folder, 4)


@pytest.mark.parametrize(("name", "method"), ITEM_QUEUES)
def test_killed_while_it_sends_its_list(name, method, file, earlier, when_lists_are_sent):
    """A worker that dies in the middle of its answer is missed like any other."""

    def kill(pid):
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerDied, match="exit code -9"):
        run_with_long_lists(name, method, file, earlier, when_lists_are_sent, kill)


@pytest.mark.parametrize(("name", "method"), ITEM_QUEUES)
def test_interrupted_while_a_list_is_sent(name, method, file, earlier, when_lists_are_sent):
    """Ctrl-C is heard, whatever is waited for: here a worker that was stopped in its answer."""

    def stop_and_interrupt(pid):
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        run_with_long_lists(name, method, file, earlier, when_lists_are_sent, stop_and_interrupt)


@pytest.mark.parametrize("name", RECOVERS)
def test_workers_are_killed_between_runs(name, file, earlier):
    """A crew whose workers are all killed after each run is as good as new in the next."""
    spec = FanoutSpec("squares", IntegerLines(str(file)), functions.same)
    folder = earlier.with_name("other")
    with STRATEGIES[name].start(Options(3, "spawn")) as crew:
        for _ in range(3):
            run_warm(name, crew, spec, folder, 4)
            assert_same_results(folder, file, functions.same, keeps_order=True)
            for used in crew.usage():
                if psutil.pid_exists(used.pid):
                    psutil.Process(used.pid).kill()


def until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def lives(process):
    # Where nobody waits for orphans, as in some containers, they stay zombies.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def to_the_process():
    """As Ctrl-C is sent: it ends the main thread's wait."""
    os.kill(os.getpid(), signal.SIGINT)


def to_another_thread():
    """The main thread's wait goes on, as where a signal comes just as it begins."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def interrupt(when, delay=0.0, send=to_the_process):
    """Send SIGINT `delay` seconds after `when()` is true."""

    def wait_and_send():
        until(when)
        time.sleep(delay)
        send()

    thread = threading.Thread(target=wait_and_send)
    thread.start()
    return thread


@pytest.mark.parametrize("send", [to_the_process, to_another_thread])
@pytest.mark.parametrize(("name", "method"), CASES)
def test_interrupted_in_the_middle(name, method, send, tmp_path, earlier):
    """Ctrl-C ends a run within seconds, and with it all its processes and threads."""
    long = write_items(tmp_path / "long.txt", 8000)
    mark = tmp_path / "called"
    thread = interrupt(mark.exists, delay=0.3, send=send)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(name, method, long, functions.Slow(mark), earlier)
    thread.join()
    assert time.monotonic() - began < 15  # A chunk would take 20.


@pytest.mark.parametrize("delay", [0, 0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_interrupted_while_workers_start(name, method, delay, tmp_path, earlier):
    """Ctrl-C before all workers have answered leaves no worker either."""
    long = write_items(tmp_path / "long.txt", 4000)
    present = set(psutil.Process().children(recursive=True))
    thread = interrupt(lambda: set(psutil.Process().children(recursive=True)) - present, delay)
    with pytest.raises(KeyboardInterrupt):
        run(name, method, long, functions.Slow(tmp_path / "called"), earlier, workers=5)
    thread.join()


PARENT = """
    import sys
    from pathlib import Path

    PARENT_MARKER = True
    with open("parents", "a") as log:
        log.write("x")

    if __name__ == "__main__":
        import dagster, pandas
        from fanout_pipeline_tests.contract import functions, test_faults

        name, method, file, function, folder = sys.argv[1:]
        if function == "Slow":
            function = functions.Slow(Path("called"))
        else:
            function = getattr(functions, function)
        test_faults.run(name, method, file, function, Path(folder))
"""


def parent_command(tmp_path, *arguments):
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return {
        "args": [sys.executable, str(script), *map(str, arguments)],
        "cwd": tmp_path,
        "env": environment,
    }


@pytest.mark.parametrize(
    "name", [name for name, method in WITH_PROCESSES if method == "forkserver"]
)
def test_the_fork_server_is_killed(name, file, tmp_path, earlier, monkeypatch):
    """Where Python's fork server dies as it is to start a worker, the run ends and says so; the next succeeds."""
    server = forkserver._forkserver
    connect = server.connect_to_new_process

    def kill_the_server(descriptors):
        server.ensure_running()
        os.kill(server._forkserver_pid, signal.SIGSTOP)
        connected = connect(descriptors)
        os.kill(server._forkserver_pid, signal.SIGKILL)
        return connected

    with monkeypatch.context() as patch:
        patch.setattr(forkserver, "connect_to_new_process", kill_the_server)
        with pytest.raises(WorkerDied, match="fork server"):
            run(name, "forkserver", file, functions.same, earlier)
    run(name, "forkserver", file, functions.same, tmp_path / "next")


UNGUARDED = """
    import sys
    from pathlib import Path
    from fanout_pipeline_tests.contract import functions, test_faults

    name, method, file, folder = sys.argv[1:]
    test_faults.run(name, method, file, functions.same, Path(folder))
"""


@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_a_script_whose_beginning_is_not_guarded(name, method, file, tmp_path):
    """Where multiprocessing's workers would run the whole script again, the run ends and says why."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(UNGUARDED))
    done = subprocess.run(
        [sys.executable, str(script), name, method, str(file), str(tmp_path / "out")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if name == "multiprocess":
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1
        assert "belongs under `if __name__ == '__main__':`" in done.stderr
        # What the workers' own runs of the script have left is removed by the next.
        run("serial", "none", file, functions.same, tmp_path / "out")


@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_parent_is_killed(name, method, file, tmp_path, earlier):
    """No worker outlives a parent that was killed, and the next run cleans up after it."""
    long = write_items(tmp_path / "long.txt", 4000)
    folder = tmp_path / "killed" / name
    run("serial", "none", file, functions.same, folder)
    before = contents(folder)
    command = parent_command(tmp_path, name, method, long, "Slow", folder)
    with subprocess.Popen(**command) as parent:
        until((tmp_path / "called").exists)
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(family) >= 2
    psutil.wait_procs(family, timeout=5)
    assert not list(filter(lives, family))
    assert contents(folder) == before
    assert len(generations(folder)) == 2
    run(name, method, file, functions.same, folder)
    assert_same_results(folder, file, functions.same, STRATEGIES[name].keeps_order)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the worker ends after the call")
def test_parent_is_killed_while_a_call_holds_the_interpreter(file, tmp_path):
    """A worker that no thread of its own could end any more is gone with its parent, too."""
    folder = tmp_path / "killed" / "multiprocess"
    function = functions.holds_the_interpreter
    command = parent_command(tmp_path, "multiprocess", "spawn", file, function.__name__, folder)
    with subprocess.Popen(**command) as parent:
        until((tmp_path / "called").exists)
        time.sleep(0.5)  # It is in the expression by now.
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(family) == 4  # two workers, and the guard of each
    psutil.wait_procs(family, timeout=5)
    left = list(filter(lives, family))
    for worker in left:
        worker.kill()
    assert not left
    run("multiprocess", "spawn", file, functions.same, folder)
    assert_same_results(folder, file, functions.same, keeps_order=True)


@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_workers_import_little(name, method, file, tmp_path):
    """Workers import neither dagster nor pandas, and those of our own not the parent's script."""
    folder = tmp_path / "squares" / name
    command = parent_command(tmp_path, name, method, file, "unwanted_modules", folder)
    subprocess.run(**command, check=True, timeout=50)
    # multiprocessing imports the parent's script into its workers, by design.
    allowed = "" if name == "multiprocess" else "__main__"
    assert_same_results(folder, file, lambda item: allowed, STRATEGIES[name].keeps_order)
    if name == "multiprocess":
        assert (tmp_path / "parents").read_text() == "x"


@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_function_that_cannot_be_sent(name, method, file, earlier):
    """A function that holds what no other process can have is refused, and what it holds is named."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:

        def looked_up(number):
            return database.execute("SELECT ?", (number,)).fetchone()[0]

        told = r"looked_up cannot be sent .* its variable database, a Connection"
        with pytest.raises(TypeError, match=told):
            run(name, method, file, looked_up, earlier)


@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_module_that_workers_cannot_import(name, method, file, tmp_path, monkeypatch):
    """A function of a module that only the parent has travels by value."""
    module = type(sys)("only_in_the_parent")
    exec("def lonely(number): return number", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    folder = tmp_path / "lonely"
    run(name, method, file, module.lonely, folder)
    assert_same_results(folder, file, module.lonely, STRATEGIES[name].keeps_order)


COMMAND = """
import sys
from pathlib import Path

from fanout_pipeline_tests.contract import test_faults

seen = []
def counts(number):
    seen.append(number)
    return len(seen)

def nested():
    return lambda number: counts(number)

name, method, file, function, folder = sys.argv[1:]
function = {"counts": counts, "nested": nested()}[function]
test_faults.run(name, method, Path(file), function, Path(folder), workers=1)
"""


@pytest.mark.parametrize("function", ["counts", "nested"])
@pytest.mark.parametrize(("name", "method"), WITH_PROCESSES)
def test_function_of_no_file(name, method, function, file, tmp_path):
    """Functions that were typed in work in all workers, and keep there what they keep between calls."""
    folder = tmp_path / "typed" / name
    command = parent_command(tmp_path, name, method, file, function, folder)
    command["args"][1:2] = ["-c", COMMAND]
    subprocess.run(**command, check=True, timeout=50)
    assert read_results(folder)["result"].tolist() == list(range(1, 101))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("full", ["during the run", "before the run"])
@every_case
def test_disk_is_full(name, method, full, tmp_path, file, small_disk):
    """A full disk is an error that names the file and what to do; earlier results stay."""
    folder = small_disk / "squares" / name
    run("serial", "none", file, functions.same, folder)
    before = contents(folder)
    many = write_items(tmp_path / "many.txt", 2000)
    if full == "before the run":
        fill(small_disk / "other")
    with pytest.raises(CannotWrite) as caught:
        run(name, method, many, functions.noise, folder)
    message = str(caught.value)
    assert f"{small_disk}/squares/_runs/{name}/" in message
    assert "part-0" in message
    assert "The disk is full: free some space, then run again." in message
    assert contents(folder) == before
    assert {path.name for path in folder.parent.iterdir()} == {name, "_runs"}
    assert generations(folder) == {folder.resolve()}


def fill(path):
    """Write zeros until the disk takes no more."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


@every_case
def test_mixed_types(name, method, file, earlier):
    """Integers and floats in one chunk are refused, with advice, instead of being rounded."""
    with pytest.raises(TypeError, match="float and int; return one type for every item"):
        run(name, method, file, functions.mixed_types, earlier)


@every_case
def test_mixed_types_by_chunk(name, method, tmp_path, earlier):
    """Integers in one chunk and floats in another are refused, too: where it is cut is chance."""
    by_chunk = write_items(tmp_path / "by_chunk.txt", 120)  # 1060 begins the third of 4 chunks.
    where = r" \(first met in the part that begins with item (0|30|60|90)\)"
    if not STRATEGIES[name].keeps_order:
        where = ""
    with pytest.raises(TypeError, match=f"float and int; return one type for every item{where}"):
        run(name, method, by_chunk, functions.float_from_guilty_on, earlier)


@pytest.mark.parametrize("name", SOON)
def test_mixed_types_end_the_run_soon(name, tmp_path, earlier):
    """A part of another type ends the run when it is there, not when all else was done."""
    long = write_items(tmp_path / "long.txt", 480)
    mark = tmp_path / "called"
    mark.mkdir()
    function = functions.CalledWith(mark, functions.float_from_guilty_on)
    with pytest.raises(TypeError, match="return one type for every item"):
        run(name, STRATEGIES[name].start_methods[0], long, function, earlier, 1, chunks=48)
    assert (mark / str(functions.GUILTY)).exists()
    assert not (mark / "1479").exists()


@every_case
def test_one_odd_result_is_named(name, method, file, earlier):
    """One result of another type than the others is named by its item, so that it can be found."""
    where = r" \(item 60 is the first that differs\)" if STRATEGIES[name].keeps_order else ""
    with pytest.raises(TypeError, match=f"float and int; return one type for every item{where}"):
        run(name, method, file, functions.float_on_guilty, earlier, 1, chunks=1)


@every_case
@pytest.mark.timeout(20)
def test_results_that_cannot_be_stored(name, method, file, earlier):
    """A result that can neither be sent nor stored is an error, not a wait without an end."""
    with pytest.raises((TypeError, ItemFailed)):
        run(name, method, file, functions.unsendable, earlier)
