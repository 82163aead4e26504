"""Worker processes start from any program, import little, and are gone when they should be."""

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scheduling import chunk_plan
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract.functions import adapters
from fanout_pipeline_tests.contract.runs import given_to
from fanout_pipeline_tests.engine.workers import functions

ROOT = Path(__file__).parents[2]
CUT_SHORT = [
    ("serial", 1),
    ("threads", 2),
    ("threads", 5),
    ("multiprocess", 2),
    ("multiprocess", 3),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def file(tmp_path):
    """The numbers below 300, in lines of 1 to 8 bytes."""
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{number:0{1 + number % 7}d}\n" for number in range(300)))
    return path


@pytest.fixture
def short(monkeypatch):
    """Chunks are cut short after milliseconds; the parent decides that, also for its workers."""
    for name in ("_UNKNOWN_SECONDS", "_LONGEST_SECONDS", "_SHORTEST_SECONDS"):
        monkeypatch.setattr(chunk_plan, name, 0.002)


def run(name, file, function, folder, workers=2, chunks=None):
    batch = adapters.Batch(function) if STRATEGIES[name].batch else None
    spec = FanoutSpec("numbers", IntegerLines(str(file)), function, batch)
    options = Options(workers=workers)
    return run_strategy(STRATEGIES[name], spec, folder, replace(options, chunks=chunks))


@pytest.mark.parametrize(("name", "workers"), CUT_SHORT)
def test_chunks_that_are_cut_short(name, workers, file, tmp_path, short):
    """However a run's chunks are cut while they are worked on, its results are those of fixed chunks."""
    fixed = run("serial", file, functions.slow_now_and_then, tmp_path / "fixed", chunks=3)
    record = run(name, file, functions.slow_now_and_then, tmp_path / name, workers)
    assert record.digest == fixed.digest
    assert record.chunks > 5
    frame = read_results(tmp_path / name)
    assert frame["index"].tolist() == list(range(300))
    assert frame["result"].tolist() == [number * number for number in range(300)]
    parts = ResultFolder(tmp_path / name).manifest().parts
    assert [part.number for part in parts] == list(range(len(parts)))
    assert all(part.items for part in parts)
    names = {f"part-{part.number:05d}.parquet" for part in parts}
    assert {path.name for path in (tmp_path / name).iterdir()} == {*names, "_manifest.json"}


@pytest.mark.parametrize(("name", "workers"), CUT_SHORT)
def test_chunks_that_were_asked_for(name, workers, file, tmp_path, short):
    """Who asks for 5 chunks gets 5 parts, with the items that the source puts into each."""
    record = run(name, file, functions.slow_now_and_then, tmp_path / name, workers, chunks=5)
    source = IntegerLines(str(file))
    counts = [len(source.read(chunk)) for chunk in source.chunks(5)]
    assert [part.items for part in ResultFolder(tmp_path / name).manifest().parts] == counts
    assert record.chunks == 5


@pytest.mark.parametrize(("name", "workers"), CUT_SHORT)
@pytest.mark.parametrize("chunks", [None, 4])
def test_chunks_without_items(name, workers, chunks, tmp_path, short):
    """Where lines are longer than chunks, the chunks in between leave no empty parts behind."""
    file = tmp_path / "long.txt"
    file.write_text(f"{10**2000}\n7\n{10**2000}\n")
    record = run(name, file, str, tmp_path / name, workers, chunks)
    assert read_results(tmp_path / name)["result"].tolist() == [str(10**2000), "7", str(10**2000)]
    assert all(part.items for part in ResultFolder(tmp_path / name).manifest().parts)
    assert record.chunks <= 3


@pytest.mark.parametrize("chunks", [None, 4])
@pytest.mark.parametrize("numbers", [[], [7], [10**2000, 7, 10**2000]], ids=["0", "1", "long"])
@pytest.mark.parametrize("policy", [FAIL, FailurePolicy("quarantine")], ids=lambda p: p.on_error)
def test_no_batch_is_empty(policy, numbers, chunks, tmp_path):
    """A batch function that takes no empty batch, as of NumPy's or scikit-learn's, is given none."""

    def function(items):
        if not len(items):
            raise ValueError("no items")
        return [str(item) for item in items]

    file = tmp_path / "few.txt"
    file.write_text("".join(f"{number}\n" for number in numbers))
    spec = FanoutSpec("numbers", IntegerLines(str(file)), str, function)
    options = Options(workers=3, **asdict(policy))
    run_strategy(STRATEGIES["vectorized"], spec, tmp_path / "out", replace(options, chunks=chunks))
    assert read_results(tmp_path / "out")["result"].tolist() == list(map(str, numbers))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("name", [name for name, s in STRATEGIES.items() if not s.baseline])
def test_a_function_that_ends_the_program(name, error, file, tmp_path, short):
    """sys.exit() in a function means the same in a worker as in a loop: its item has failed."""

    def function(number):
        if number == 200:
            raise error("enough")
        return number

    with pytest.raises(ItemFailed, match=f"item 200 .*{error.__name__}: enough"):
        run(name, file, given_to(name, function), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_an_error_that_cannot_be_sent(file, tmp_path):
    """An error of the function that only the worker could read comes with its text and traceback."""

    class Own(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first} and {second}")

    def function(number):
        raise Own("bread", "butter")

    with pytest.raises(ItemFailed, match="bread and butter"):
        run("multiprocess", file, function, tmp_path / "multiprocess")


@pytest.mark.parametrize("name", [name for name, s in STRATEGIES.items() if s.starts_processes])
def test_a_function_that_cannot_be_read(name, file, tmp_path):
    """A function that a worker cannot unpickle ends the run with the error, and what to do."""
    with pytest.raises(ValueError, match="no number") as caught:
        run(name, file, functions.CannotBeRead(), tmp_path / name)
    assert "A worker process could not unpickle what it was sent." in caught.value.__notes__[0]


@pytest.mark.parametrize("kills", [2, 3])
def test_a_worker_is_killed_before_it_answers(kills, monkeypatch):
    """Another is started in its place, three times at most."""
    start, pids = WorkerProcess.start, []

    def start_and_kill():
        worker = start()
        pids.append(worker.pid)
        if 1 < len(pids) <= 1 + kills:
            worker.kill()
        return worker

    monkeypatch.setattr(WorkerProcess, "start", start_and_kill)
    dies = pytest.raises(WorkerDied, match="3 worker processes ended before they answered")
    with dies if kills == 3 else nullcontext(), worker_processes(2) as crew:
        assert len(crew.usage()) == 4  # The dead are counted.
    assert not any(map(psutil.pid_exists, pids))


def test_a_worker_that_died_after_its_work_does_no_harm():
    """Results are there already: that a worker was killed while it waited is no error."""
    with worker_processes(2) as crew:
        pids = [used.pid for used in crew.usage()]
        psutil.Process(pids[0]).kill()
    assert not any(map(psutil.pid_exists, pids))


PROGRAM = """
import sys
from contextlib import nullcontext
from pathlib import Path
PARENT_MARKER = True
numbers = Path("numbers.txt")
def tells(number):
    import sys
    found = {"dagster", "pandas", "IPython"} & {name.partition(".")[0] for name in sys.modules}
    main = sys.modules["__main__"]
    return f"{number + more} {sorted(found)} {hasattr(main, 'PARENT_MARKER')}"

more = 1
from fanout_pipeline import FanoutSpec
from fanout_pipeline import Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline import IntegerLines
spec = FanoutSpec("numbers", IntegerLines("numbers.txt"), tells)
record = run_strategy(STRATEGIES["multiprocess"], spec, Path("told").absolute(), Options(workers=2))
print("workers:", *record.worker_pids)
"""
LIKE_IPYTHON = """
import sys, types
module = types.ModuleType("__main__")
sys.modules["__main__"] = module
exec(compile(open("cell.py").read(), "<ipython-input-1>", "exec"), module.__dict__)
"""


def start_script(folder):
    (folder / "script.py").write_text(PROGRAM)
    return ["script.py"], ""


def start_command(folder):
    return ["-c", PROGRAM], ""


def start_repl(folder):
    return ["-i", "-q"], PROGRAM


def start_stdin(folder):
    return ["-"], PROGRAM


def start_module(folder):
    (folder / "package").mkdir()
    (folder / "package" / "__main__.py").write_text(PROGRAM)
    return ["-m", "package"], ""


def start_notebook(folder):
    (folder / "cell.py").write_text(PROGRAM)
    return ["-c", LIKE_IPYTHON], ""


@pytest.mark.parametrize(
    "start",
    [start_script, start_command, start_repl, start_stdin, start_module, start_notebook],
)
def test_any_program_may_be_the_parent(start, tmp_path):
    """Functions of scripts, commands and sessions work in workers, which run nothing of the parent."""
    (tmp_path / "numbers.txt").write_text("1\n2\n3\n4\n")
    arguments, typed = start(tmp_path)
    pids = run_python(tmp_path, arguments, typed)
    told = read_results(tmp_path / "told")["result"].tolist()
    assert told == [f"{number + 1} [] False" for number in (1, 2, 3, 4)]
    assert len(pids) == 2
    assert not any(map(psutil.pid_exists, pids))


def run_python(folder, arguments, typed):
    """Run a program with this interpreter; gives the workers' process ids that it has printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        input=typed,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "workers:" in line]
    return [int(pid) for pid in line.partition("workers:")[2].split()]


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("3", "3")])
def test_workers_do_not_each_use_all_cores(given, threads, file, tmp_path, monkeypatch):
    """NumPy's linear algebra has one thread in a worker, unless the environment says otherwise."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    run("multiprocess", file, lambda number: os.environ["OPENBLAS_NUM_THREADS"], tmp_path / "out")
    assert set(read_results(tmp_path / "out")["result"]) == {threads}
