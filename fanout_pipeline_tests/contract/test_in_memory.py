"""Results that stay in memory are those that files would have, whoever has made the calls."""

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import fanout_pipeline
from fanout_pipeline import FanoutSpec, ItemFailed
from fanout_pipeline.engine.in_memory import run_in_memory
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import AUTO_HERE, STRATEGIES
from fanout_pipeline.results.memory import MemoryResults
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline_tests.contract.functions import returning
from fanout_pipeline_tests.contract.functions.raising import raises_on_guilty
from fanout_pipeline_tests.contract.runs import options_of, spec_of
from fanout_pipeline_tests.contract.sources import SOURCES

WAYS = {name: one for name, one in STRATEGIES.items() if not one.baseline} | {
    "auto here": AUTO_HERE
}

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def values(results):
    return [value for part in results.parts for value in part.values()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", WAYS)
def test_results_are_those_of_a_loop(name, kind, tmp_path):
    """Every value and its type, at every index, of every source and in every strategy."""
    source, expected = SOURCES[kind].made(tmp_path / "items", 120)
    case = SOURCES[kind]
    registered = "auto" if name == "auto here" else name
    spec = spec_of(registered, source, case.function, case.batch_function)
    results, record = run_in_memory(WAYS[name], spec, options_of(registered))
    assert values(results) == expected
    assert list(map(type, values(results))) == list(map(type, expected))
    assert [index for part in results.parts for index in part.indexes] == list(range(120))
    assert (record.items, record.failed) == (120, 0)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("failed", ["null", "omit"])
def test_failed_items_are_told(name, failed):
    """They have no result, or None, and all that is known of them is there."""
    policy = FailurePolicy("quarantine", failed, retries=2, backoff_seconds=0)
    items = [1000 + number for number in range(100)]
    registered = "auto" if name == "auto here" else name
    spec = spec_of(registered, as_source(items), raises_on_guilty)
    results, record = run_in_memory(WAYS[name], spec, options_of(registered, failures=policy))
    (failure,) = [one for part in results.parts for one in part.failed]
    assert failure["index"] == 60
    assert failure["where"] == "item 61 of the list"
    assert len(values(results)) == (100 if failed == "null" else 99)
    assert (record.items, record.failed, record.retried) == (100, 1, 2)


@pytest.mark.parametrize("name", ["serial", "multiprocess", "auto here"])
def test_what_was_done_comes_with_the_error(name):
    """An error has all results that were made before it, as far as chunks were finished."""
    items = [1000 + number for number in range(100)]
    spec = FanoutSpec("squares", as_source(items), raises_on_guilty)
    with pytest.raises(ItemFailed, match=r"item 60 \(item 61 of the list\), 1060") as caught:
        run_in_memory(WAYS[name], spec, options_of("auto", workers=1, chunks=20))
    done = caught.value.partial
    assert [part.first_index for part in done.parts][:2] == [0, 5]
    assert len(values(done)) >= 55


def test_what_takes_much_memory_is_moved_to_a_file():
    """Beyond a limit results are in a temporary file, and read as if they were not; what cannot be pickled stays."""
    results = MemoryResults(kept_bytes=1000)
    made = [list(range(number, number + 100)) for number in range(0, 1000, 100)]
    made.append([pytest, lambda: 1])
    for number, part in enumerate(made):
        results.keep(number, 100 * number, len(part), part, (), False)
        results._added.append((number, results._made.pop(number)))
    assert values(results) == [value for part in made for value in part]
    assert sum(isinstance(part._kept, list) for part in results.parts) < 5


def test_there_may_be_no_temporary_file(monkeypatch):
    """Where none can be had the error says so, and nothing else does."""
    missed = []
    monkeypatch.setattr(sys, "unraisablehook", missed.append)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: os.open("/not/there", 0))
    with pytest.raises(FileNotFoundError):
        MemoryResults(kept_bytes=0).keep(0, 0, 1, [1], (), False)
    assert not missed


def test_results_stay_where_they_are():
    """What travels to workers is that results go to no files, and not the results."""
    results = MemoryResults()
    results.keep(0, 0, 1, ["a" * 1000], (), False)
    assert len(pickle.dumps(results)) < 200


@pytest.mark.parametrize("name", ["serial", "threads", "auto here"])
def test_results_may_be_anything(name):
    """In this process results need not be what a file could hold."""
    spec = FanoutSpec("objects", as_source([1, 2, 3]), returning.same)
    results, _ = run_in_memory(WAYS[name], spec, options_of("auto"))
    assert values(results) == [1, 2, 3]
    spec = FanoutSpec("objects", as_source([object, len]), returning.same)
    results, _ = run_in_memory(WAYS[name], spec, options_of("auto"))
    assert values(results) == [object, len]


@pytest.mark.slow
def test_results_are_of_the_classes_of_this_process(tmp_path):
    """What workers return is an instance of the class that a script has defined, and what cannot be sent stays here."""
    program = tmp_path / "script.py"
    program.write_text(
        "from dataclasses import dataclass\n"
        "from fanout_pipeline import fan_out\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "print(list(fan_out(Point, range(50), strategy='multiprocess')) == [Point(n) for n in range(50)])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fanout_pipeline.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


@pytest.mark.slow
def test_what_cannot_be_sent_back_is_made_here():
    """No process joins where its results could not come back; the record says why."""
    spec = FanoutSpec("objects", as_source(range(300)), locks)
    results, record = run_in_memory(AUTO_HERE, spec, options_of("auto"))
    assert len(values(results)) == 300
    assert "cannot be pickled" in record.why


def locks(number):
    """Something that no other process could have."""
    time.sleep(0.003)
    return threading.Lock()
