"""Faults of the machine: an error that says what to do; earlier results stay; mended, it runs again."""

import functools
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.scattered.owner import owner_has_ended
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.environment import MOUNTED, ROOT
from fanout_pipeline_tests.contract.functions import returning
from fanout_pipeline_tests.contract.runs import run
from fanout_pipeline_tests.faults.rounds import FULL

pytestmark = pytest.mark.usefixtures("leaves_nothing")
EXPECTED = {
    "file size 20000": ("CannotWrite", "raise the limit (ulimit -f), then run again."),
    "full disk": ("CannotWrite", "The disk is full: free some space, then run again."),
    "full disk 200000": ("CannotWrite", "The disk is full: free some space, then run again."),
    "read-only": ("CannotWrite", "The file system is read-only: set another data root"),
    "folder removed": (
        "CannotWrite",
        "The folder was removed while the run wrote to it: run again.",
    ),
}
DESCRIPTORS = ["descriptors 64", "descriptors 16", "descriptors 11"]
if FULL:
    DESCRIPTORS += [f"descriptors {at_most}" for at_most in range(5, 41, 3)]


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


def into(faults, name, folder):
    """What `environment` says of a run into each of the faults, by fault; where one cannot be, why."""
    command = [sys.executable, "-m", "fanout_pipeline_tests.contract.environment"]
    wrapped, reason = namespace()
    if wrapped is None:
        faults = [fault for fault in faults if fault not in MOUNTED]
    command = [*(wrapped or ()), *command, name, str(folder), *faults]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    # Beside it is what the runs log.
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(zip(faults, map(json.loads, said), strict=True)), reason


@every_strategy
def test_faults_of_the_machine(name, tmp_path):
    """The disk refuses, or the system: the error names the file and what to do; mended, a run is whole.

    `ulimit -n 64` is enough for every strategy; where fewer are not, the error says so, soon.
    """
    reported, reason = into([*EXPECTED, *DESCRIPTORS], name, tmp_path)
    for fault in EXPECTED.keys() & reported.keys():
        told = reported[fault]
        kind, advice = EXPECTED[fault]
        assert told["error"] == kind, told
        assert advice in told["message"]
        assert "squares/" in told["message"]
        assert "part-0" in told["message"] or fault != "full disk 200000"
        assert told["earlier"], fault
        assert told["left"] == [], fault
        assert told["again"] is True, fault
    assert reported[DESCRIPTORS[0]] == {"error": None, "message": "", "whole": True}
    for fault in DESCRIPTORS[1:]:
        assert_told_or_whole(reported[fault])
        assert reported[fault].get("left", []) == [], fault
    if reason:
        pytest.skip(reason)


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


@every_strategy
def test_the_clock_is_set_back(name, file, tmp_path, backwards, monkeypatch):
    """A clock that goes backwards changes no result, and no time in the records is negative."""
    folder = tmp_path / "squares" / name
    run(name, file, returning.same, folder)
    backwards()
    record = run(name, file, returning.same, folder)
    monkeypatch.undo()
    assert record.wall_seconds > 0
    assert min(record.phases.values()) >= 0
    assert min(record.start_seconds, record.run_seconds, record.stop_seconds) >= 0
    assert_same_results(folder, file, returning.same)


def test_the_clock_is_set_back_between_steps(file, tmp_path, backwards, monkeypatch):
    """Steps of a scheduler's, which have nothing but the time of day in common, are timed sensibly."""
    spec = FanoutSpec("squares", IntegerLines(str(file)), returning.same)
    target = ResultFolder(tmp_path / "squares" / "steps")
    backwards()
    options = Options(workers=1)
    scattered = ScatteredRun.join("steps", spec, target.path, replace(options, chunks=4), "a run")
    # Psutil makes a time of day of when a process began: by a clock that may be another by now.
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: time.time())
    if Path("/proc/self/stat").exists():
        assert not owner_has_ended(target.generation("a run"))
    chunks = scattered.scatter()
    record = scattered.gather([scattered.run_chunk(one.start, one.stop) for one in chunks])
    monkeypatch.undo()
    assert_same_results(target.path, file, returning.same)
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
