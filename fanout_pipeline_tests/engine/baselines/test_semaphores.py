"""Named semaphores of a run that was killed with all its processes are removed by the next."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import multiprocessing, sys
from fanout_pipeline.engine.baselines.semaphores import name_semaphores

name_semaphores()
semaphore = multiprocessing.get_context("spawn").Semaphore()
print(semaphore._semlock.name.removeprefix("/"), flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no named semaphores to see")


@pytest.fixture
def start():
    """Start a program that has a semaphore, in a process group of its own; gives it and the file."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, Path("/dev/shm", f"sem.{process.stdout.readline().strip()}")

    yield start
    for process in started:
        process.communicate()


def test_the_next_run_removes_what_a_killed_one_left(start):
    """After kill -9 of everything, Python's resource tracker included, a later run cleans up."""
    killed, left = start()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert left.exists()
    _, own = start()
    assert not left.exists()
    assert own.exists()


def test_what_is_in_use_stays(start):
    """A run takes nothing from another that works beside it; each removes its own at its end."""
    (first, one), (second, other) = start(), start()
    assert one.exists()
    assert other.exists()
    first.communicate()
    second.communicate()
    assert not one.exists()
    assert not other.exists()
