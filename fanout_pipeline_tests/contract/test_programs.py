"""A program that fans out: what its workers have of it, and what becomes of them when it is killed."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import read_results
from fanout_pipeline_tests.contract.checks import assert_same_results, contents
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.contract.runs import run, write_items
from fanout_pipeline_tests.processes import GONE_SECONDS, lives, until
from fanout_pipeline_tests.results.layout import generations

ROOT = Path(__file__).parents[2]
NAME = "multiprocess"
"""The strategy that has processes."""

pytestmark = pytest.mark.usefixtures("leaves_nothing")

GUARDED = """
    import sys
    from pathlib import Path

    PARENT_MARKER = True
    with open("parents", "a") as log:
        log.write("x")

    if __name__ == "__main__":
        {imports}
        from fanout_pipeline_tests.contract.functions import dying, marking, observing
        from fanout_pipeline_tests.contract.runs import run

        name, file, folder = sys.argv[1:]
        run(name, file, {function}, Path(folder))
"""
UNGUARDED = """
    import sys
    from pathlib import Path
    from fanout_pipeline_tests.contract.functions.returning import same
    from fanout_pipeline_tests.contract.runs import run

    name, file, folder = sys.argv[1:]
    run(name, file, same, Path(folder))
"""
TYPED = """
    import sys
    from pathlib import Path
    from fanout_pipeline_tests.contract.runs import run

    seen = []
    def counts(number):
        seen.append(number)
        return len(seen)

    def nested():
        return lambda number: counts(number)

    name, file, folder = sys.argv[1:]
    run(name, file, {function}, Path(folder), workers=1)
"""


def arguments(tmp_path, program, file, folder, typed=False):
    """How to start the program, as a script or as what somebody typed in."""
    program = textwrap.dedent(program)
    script = tmp_path / "parent.py"
    script.write_text(program)
    started = ["-c", program] if typed else [script]
    return {
        "args": [sys.executable, *started, NAME, str(file), str(folder)],
        "cwd": tmp_path,
        "env": os.environ | {"PYTHONPATH": str(ROOT)},
    }


def guarded(function, imports="pass"):
    return GUARDED.format(function=function, imports=imports)


def test_a_script_whose_beginning_is_not_guarded(file, tmp_path):
    """Workers do not run the script that has started them: it needs no `if __name__ == "__main__":`."""
    folder = tmp_path / "out"
    subprocess.run(**arguments(tmp_path, UNGUARDED, file, folder), check=True, timeout=120)
    assert_same_results(folder, file, same)


def test_parent_is_killed(file, tmp_path):
    """No worker outlives a parent that was killed, and the next run cleans up after it."""
    long = write_items(tmp_path / "long.txt", 4000)
    folder = tmp_path / "killed" / NAME
    run("serial", file, same, folder)
    before = contents(folder)
    program = guarded('marking.Slow(Path("called"))')
    with subprocess.Popen(**arguments(tmp_path, program, long, folder)) as parent:
        until((tmp_path / "called").exists)
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(family) >= 2
    psutil.wait_procs(family, timeout=GONE_SECONDS)
    assert not list(filter(lives, family))
    assert contents(folder) == before
    assert len(generations(folder)) == 2
    run(NAME, file, same, folder)
    assert_same_results(folder, file, same)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the worker ends after the call")
def test_parent_is_killed_while_a_call_holds_the_interpreter(file, tmp_path):
    """A worker that no thread of its own could end any more is gone with its parent, too."""
    folder = tmp_path / "killed" / NAME
    program = guarded("dying.holds_the_interpreter")
    with subprocess.Popen(**arguments(tmp_path, program, file, folder)) as parent:
        until((tmp_path / "called").exists)
        time.sleep(0.5)  # It is in the expression by now.
        program = psutil.Process(parent.pid)
        # Two workers, and the guard of each: the other one may not have begun yet.
        until(lambda: len(program.children(recursive=True)) == 4)
        family = program.children(recursive=True)
        parent.kill()
    psutil.wait_procs(family, timeout=GONE_SECONDS)
    left = list(filter(lives, family))
    for worker in left:
        worker.kill()
    assert not left
    run(NAME, file, same, folder)
    assert_same_results(folder, file, same)


def test_workers_import_little(file, tmp_path):
    """Workers import neither dagster nor pandas, nor the script that has started them."""
    folder = tmp_path / "squares" / NAME
    program = guarded("observing.unwanted_modules", imports="import dagster, pandas")
    subprocess.run(**arguments(tmp_path, program, file, folder), check=True, timeout=120)
    assert_same_results(folder, file, lambda item: "")
    assert (tmp_path / "parents").read_text() == "x"


def test_function_that_cannot_be_sent(file, earlier):
    """A function that holds what no other process can have is refused, and what it holds is named."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:

        def looked_up(number):
            return database.execute("SELECT ?", (number,)).fetchone()[0]

        message = r"looked_up cannot be sent .* its variable database, a Connection"
        with pytest.raises(TypeError, match=message):
            run(NAME, file, looked_up, earlier)


def test_module_that_workers_cannot_import(file, tmp_path, monkeypatch):
    """A function of a module that only the parent has travels by value."""
    module = type(sys)("only_in_the_parent")
    exec("def lonely(number): return number", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    run(NAME, file, module.lonely, tmp_path / "lonely")
    assert_same_results(tmp_path / "lonely", file, module.lonely)


@pytest.mark.parametrize("function", ["counts", "nested()"])
def test_function_of_no_file(function, file, tmp_path):
    """Functions that were typed in work in all workers, and keep there what they keep between calls."""
    folder = tmp_path / "typed" / NAME
    command = arguments(tmp_path, TYPED.format(function=function), file, folder, typed=True)
    subprocess.run(**command, check=True, timeout=120)
    assert read_results(folder)["result"].tolist() == list(range(1, 101))
