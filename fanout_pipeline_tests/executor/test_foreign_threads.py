"""Threads that make a process unfit to be forked are found, and the imports that started them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_pipeline.defs.config.dagster_executors import PRELOAD

PROJECT = Path(__file__).parents[2]
WATCHED = """
import importlib, json, os, sys, threading
from fanout_pipeline.executor import foreign_threads
with foreign_threads.ThreadWatch("the program") as watch:
    exec(sys.argv[1])
print(json.dumps([len(os.listdir("/proc/self/task")), watch.describe()]))
"""
THREAD = "import threading; threading.Thread(target=threading.Event().wait, name={!r}, daemon=True).start()\n"


def told(program, path=""):
    """How many threads there are at the program's end, and what is told of them."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": f"{PROJECT}:{path}"}
    command = [sys.executable, "-c", WATCHED, program]
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


def test_the_module_whose_import_started_a_thread_is_named(tmp_path):
    """Not the one that imports it, nor one that it imports afterwards."""
    (tmp_path / "inner.py").write_text(THREAD.format("one"))
    (tmp_path / "late.py").write_text("")
    (tmp_path / "outer.py").write_text("import inner\n" + THREAD.format("two") + "import late\n")
    program = "import outer\n" + THREAD.format("three")
    expected = (
        "importing inner started 1 thread (one); importing outer started 1 thread (two); "
        "the program started 1 thread (three)"
    )
    assert told(program, tmp_path) == [4, expected]


def test_threads_of_python_and_of_the_system_are_seen():
    """One that has ended is not."""
    module = "fanout_pipeline_tests.executor.asks_another_thread"
    ended = "thread = threading.Thread(target=int); thread.start(); thread.join()"
    assert told(f"import {module}\n{ended}")[1] == f"importing {module} started 1 thread"
    assert told(ended)[1] is None


@pytest.mark.slow
def test_what_this_project_loads_may_be_forked():
    """Arrow's and NumPy's threads, which importing them starts, keep nobody from being forked."""
    program = f"import fanout_pipeline.definitions, scipy.stats, {', '.join(PRELOAD)}"
    threads, found = told(program)
    assert threads > 1
    assert found is None


def test_modules_are_as_if_nobody_had_watched(tmp_path):
    """What is imported meanwhile can be loaded again and fails as ever."""
    (tmp_path / "fails.py").write_text("import a_module_that_is_not_there\n")
    program = """
import colorsys, _heapq
assert "exec_module" not in vars(colorsys.__loader__)
importlib.reload(colorsys)
try:
    import fails
except ModuleNotFoundError as error:
    assert error.name == "a_module_that_is_not_there"
else:
    raise AssertionError
assert "fails" not in sys.modules
"""
    assert told(program, tmp_path) == [1, None]
