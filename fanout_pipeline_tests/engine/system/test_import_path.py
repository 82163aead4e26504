"""What definitions could import when they were loaded can be imported when their functions are called."""

import importlib
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from fanout_pipeline import FanoutSpec, Options, TextLines, read_results
from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.import_path import import_path, importing_from
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.results.store.local_generation import LocalGeneration

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]

HIDING = ["csv", "queue", "random", "calendar", "socket", "decimal"]
"""Modules of Python's that workers import, sooner or later, and that pytest has."""


@pytest.fixture
def folder(tmp_path):
    """A folder that nobody has on the path, with a module that imports another when it is called."""
    (tmp_path / "own_of_path.py").write_text(
        "import functools, sys\n\n"
        "@functools.cache\n"
        "def function(line):\n"
        "    import later_of_path\n"
        "    return later_of_path.told(line) + str('dagster' in sys.modules)\n"
    )
    (tmp_path / "later_of_path.py").write_text("def told(line):\n    return line.upper()\n")
    (tmp_path / "lines.txt").write_text("a\nb\n")
    yield tmp_path
    for name in ("own_of_path", "later_of_path"):
        sys.modules.pop(name, None)


def spec_of(folder, function=None):
    """As Dagster loads definitions: their folder is on the path meanwhile."""
    importlib.invalidate_caches()
    with importing_from([str(folder)]):
        function = function or importlib.import_module("own_of_path").function
        return FanoutSpec("lines", TextLines(str(folder / "lines.txt")), function)


@pytest.mark.parametrize("name", [n for n, s in STRATEGIES.items() if not (s.batch or s.awaits)])
def test_every_strategy_imports_what_the_definitions_could(folder, name):
    """The function's module, and one that it imports when it is called, are found; then the path is as it was."""
    spec, before = spec_of(folder), list(sys.path)
    run_strategy(
        STRATEGIES[name], spec, folder / "results", Options(workers=1, start_method="spawn")
    )
    results = read_results(folder / "results")["result"].tolist()
    assert [text.removesuffix("True").removesuffix("False") for text in results] == ["A", "B"]
    assert sys.path == before


def test_a_spec_is_the_same_wherever_it_was_made(folder):
    """The path is no part of what a fan-out is: of its equality, its text and its function's fingerprint."""
    spec = spec_of(folder)
    elsewhere = FanoutSpec(spec.name, spec.source, spec.function)
    assert spec.import_path[0] == str(folder)
    assert str(folder) not in elsewhere.import_path
    assert spec == elsewhere
    assert hash(spec) == hash(elsewhere)
    assert repr(spec) == repr(elsewhere)
    assert spec.under(folder).import_path == spec.import_path
    with importing_from(spec.import_path):
        assert pickle.loads(pickle.dumps(spec)).import_path == spec.import_path


def test_the_fingerprint_is_the_same_whether_the_function_is_sent_by_name_or_by_value(folder):
    """Dagster objects in the function's module change how it is sent, but not which function it is."""
    fingerprints, messages = [], []
    text = (folder / "own_of_path.py").read_text()
    for more in ("", "import dagster as dg\n"):
        (folder / "own_of_path.py").write_text(text + more)
        sys.modules.pop("own_of_path", None)
        function = spec_of(folder).function
        with importing_from([str(folder)]):
            fingerprints.append(function_fingerprint(function))
            messages.append(pickle_with_function(function, function))
    assert fingerprints[0] == fingerprints[1]
    assert len(messages[0]) < 100 < len(messages[1])


def test_what_cannot_be_copied_goes_by_its_name_with_dagster(folder):
    """A function that worked when its module was imported still does, slower; the log says why."""
    (folder / "own_of_path.py").write_text(
        "import dagster as dg, sqlite3, sys\n\n"
        "DATABASE = sqlite3.connect(':memory:')\n"
        "def function(line):\n"
        "    DATABASE.execute('SELECT 1')\n"
        "    return line + str('dagster' in sys.modules)\n"
    )
    spec, log = spec_of(folder), []
    multiprocess = STRATEGIES["multiprocess"]
    run_strategy(multiprocess, spec, folder / "results", Options(workers=1), log=log.append)
    assert read_results(folder / "results")["result"].tolist() == ["aTrue", "bTrue"]
    (line,) = (one for one in log if "worker process imports dagster" in one)  # not of progress
    assert "its variable DATABASE, a Connection, cannot be pickled" in line
    spec.function.__globals__["DATABASE"].close()


def test_files_that_are_called_as_modules_of_pythons_do_not_hide_them(folder):
    """A `random.py` in the user's folder breaks no worker: what this process had before is had there."""
    for name in HIDING:
        (folder / f"{name}.py").write_text("raise AssertionError('this is not Python\\'s')\n")
    spec = spec_of(folder)
    with importing_from(spec.import_path), worker_processes(1) as crew:
        work = Work(
            spec.source,
            spec.function,
            None,
            spec.source.chunks(1),
            LocalGeneration(folder),
            fixed=True,
        )
        (part,) = crew.run(work, Progress("multiprocess", str)).parts
    assert part.items == 2


def test_relative_entries_mean_the_folder_of_the_definitions(tmp_path, monkeypatch):
    """An entry counts from the folder that the spec was made in, wherever a step is."""
    monkeypatch.setattr(sys, "path", ["", "lib", 7, *sys.path])
    monkeypatch.chdir(tmp_path)
    assert import_path()[:2] == (os.getcwd(), os.path.join(os.getcwd(), "lib"))
    monkeypatch.chdir("/")
    with importing_from([str(tmp_path)]):
        assert import_path()[:3] == (str(tmp_path), "/", "/lib")


def test_a_folder_that_was_removed_does_no_harm(tmp_path):
    """Where the working directory is gone, relative entries find nothing, as in Python itself."""
    program = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir(os.path.abspath('.'))\n"
        "from fanout_pipeline.engine.system.import_path import import_path\n"
        "assert import_path() and all(map(os.path.isabs, import_path()))"
    )
    root = os.path.dirname(os.path.dirname(importlib.import_module("fanout_pipeline").__file__))
    environment = os.environ | {"PYTHONPATH": root}
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0


def test_what_the_function_adds_to_the_path_stays(tmp_path):
    """Only what was put there for the run is taken off."""
    before = list(sys.path)
    with importing_from([str(tmp_path / "a"), *before]):
        sys.path.insert(0, "/added by the function")
        with importing_from([str(tmp_path / "b")]):
            assert sys.path[0] == str(tmp_path / "b")
    assert sys.path == ["/added by the function", *before]
    sys.path.pop(0)


def test_runs_beside_each_other_keep_their_paths(tmp_path):
    """Of runs in several threads none takes off what another still needs."""
    before, meet = list(sys.path), Barrier(3, timeout=60)

    def run(name):
        meet.wait()
        found = []
        for _ in range(200):
            with importing_from([str(tmp_path / name), str(tmp_path / "common")]):
                found.append({str(tmp_path / name), str(tmp_path / "common")} <= set(sys.path))
        return all(found)

    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(run, "abc"))
    assert sys.path == before


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_checks_import_what_the_definitions_could(folder, share):
    """What a check calls again finds its modules as the run did, so it compares what it was asked to."""
    spec = spec_of(folder)
    results = folder / "ways" / "multiprocess"
    run = run_strategy(
        STRATEGIES["multiprocess"], spec, results, Options(workers=1, start_method="spawn")
    )
    found = verify(spec, results, run, share=share)
    assert found.compared
    assert found.values == round(2 * share)
    assert found.check.wrong == 0
