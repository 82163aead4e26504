"""Faults of the machine: an error that says what to do; earlier results stay; mended, it runs again."""

import functools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.scattered.owner import owner_has_ended
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.environment import MOUNTED, ROOT, run
from fanout_pipeline_tests.contract.test_faults import (
    earlier,
    every_case,
    file,
)
from fanout_pipeline_tests.contract.test_strategies import assert_same_results
from fanout_pipeline_tests.faults.rounds import FULL

__all__ = ["earlier", "file"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(120),
]
EXPECTED = {
    "file size 20000": ("CannotWrite", "raise the limit (ulimit -f), then run again."),
    "full disk": ("CannotWrite", "The disk is full: free some space, then run again."),
    "read-only": ("CannotWrite", "The file system is read-only: set another data root"),
    "folder removed": (
        "CannotWrite",
        "The folder was removed while the run wrote to it: run again.",
    ),
}
NOT_MOUNTED = tuple(fault for fault in EXPECTED if fault not in MOUNTED)


@functools.cache
def namespace():
    """How to run a program with mounts of its own; else the reason why that cannot be done here."""
    reason = ""
    for flags in ("-m", "-Urm"):
        command = ["unshare", flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        try:
            tried = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None, "there is no unshare command"
        if tried.returncode == 0:
            return ["unshare", flags], ""
        reason = tried.stderr.strip()
    return None, f"a file system cannot be mounted here: {reason}"


def into(faults, name, method, folder):
    """What `environment` says of a run into each of the faults."""
    command = [sys.executable, "-m", "fanout_pipeline_tests.contract.environment"]
    if not {*MOUNTED}.isdisjoint(faults):
        wrapped, reason = namespace()
        if wrapped is None:
            pytest.skip(reason)
        command = [*wrapped, *command]
    command += [name, method, str(folder), *faults]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("faults", [MOUNTED, NOT_MOUNTED], ids=["mounted", "not mounted"])
@every_case
def test_faults_of_the_disk(name, method, faults, tmp_path):
    """The disk refuses, and the error names the file and what to do; once mended, a run is whole."""
    for fault, told in zip(faults, into(faults, name, method, tmp_path), strict=True):
        kind, advice = EXPECTED[fault]
        assert told["error"] == kind, told
        assert advice in told["message"]
        assert "squares/" in told["message"]
        assert told["earlier"]
        assert told["left"] == []
        assert told["again"] is True


@every_case
def test_few_descriptors(name, method, tmp_path):
    """`ulimit -n 64` is enough for every strategy; 16 are, or the error says so, soon."""
    enough, few = into(["descriptors 64", "descriptors 16"], name, method, tmp_path)
    assert enough == {"error": None, "message": "", "whole": True}
    assert_told_or_whole(few)
    assert few.get("left", []) == []


@pytest.mark.faults
@pytest.mark.parametrize("at_most", range(5, 41, 3) if FULL else [11])
@every_case
def test_ever_fewer_descriptors(name, method, at_most, tmp_path):
    """Whichever file, pipe or process is the first that cannot be had: an error that says why."""
    (told,) = into([f"descriptors {at_most}"], name, method, tmp_path)
    assert_told_or_whole(told)


def assert_told_or_whole(told):
    if told["error"] is None:
        assert told["whole"]
        return
    assert told["error"] in ("CannotWrite", "SystemRefused", "BadInput", "WorkerDied"), told
    assert "ulimit -n" in told["message"] or told["error"] == "WorkerDied"
    assert told["earlier"]
    assert told["again"] is True


@pytest.fixture
def backwards(monkeypatch):
    """Sets this process's clock back by an hour each time that it is looked at."""
    now = time.time()

    def earlier_each_time():
        nonlocal now
        now -= 3600
        return now

    return lambda: monkeypatch.setattr(time, "time", earlier_each_time)


@every_case
def test_the_clock_is_set_back(name, method, file, tmp_path, backwards, monkeypatch):
    """A clock that goes backwards changes no result, and no time in the records is negative."""
    folder = tmp_path / "squares" / name
    run(name, method, file, folder, functions.same)
    backwards()
    record = run(name, method, file, folder, functions.same)
    monkeypatch.undo()
    assert record.wall_seconds > 0
    assert min(record.phases.values()) >= 0
    assert min(record.start_seconds, record.run_seconds, record.stop_seconds) >= 0
    assert_same_results(folder, file, functions.same, STRATEGIES[name].keeps_order)


def test_the_clock_is_set_back_between_steps(file, tmp_path, backwards, monkeypatch):
    """Steps of a scheduler's, which have nothing but the time of day in common, are timed sensibly."""
    spec = FanoutSpec("squares", IntegerLines(str(file)), functions.same)
    target = ResultFolder(tmp_path / "squares" / "steps")
    backwards()
    options = Options(1, "any")
    scattered = ScatteredRun.join("steps", spec, target.path, options, "a run", chunks=4)
    # Psutil makes a time of day of when a process began: by a clock that may be another by now.
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: time.time())
    if Path("/proc/self/stat").exists():
        assert not owner_has_ended(target.generation("a run"))
    chunks = scattered.scatter()
    record = scattered.gather([scattered.run_chunk(one.start, one.stop) for one in chunks])
    monkeypatch.undo()
    assert_same_results(target.path, file, functions.same, keeps_order=True)
    assert record.wall_seconds > 0
    assert record.items_per_second > 0
    times = (record.start_seconds, record.run_seconds, record.stop_seconds, record.commit_seconds)
    assert min(times) >= 0


def test_an_input_on_a_full_disk_is_as_it_was(tmp_path):
    """A file of numbers that does not fit leaves the earlier one in its place."""
    path = tmp_path / "numbers.txt"
    write_numbers(path, 10)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(CannotWrite, match="ulimit -f"):
            write_numbers(path, 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["numbers.txt"]
    write_numbers(path, 100_000)
    assert len(path.read_text().split()) == 100_000
