"""A call in a process of its own costs its caller nothing but the call."""

import subprocess
import sys
from pathlib import Path

import pytest

KEPT = """
import os, signal, time
from contextlib import suppress
import psutil
from fanout_pipeline.engine.workers.apart import call_apart, keep
from fanout_pipeline_tests.engine.workers.asked import pid

keep()
said = []
first = call_apart(pid, said.append)
assert call_apart(pid, said.append) == first != os.getpid()
assert said == ["asked", "asked"]
with suppress(psutil.NoSuchProcess):
    guard = psutil.Process(first).parent()
    os.kill(first, signal.SIGKILL)
    while guard.is_running() and guard.status() != "zombie":
        time.sleep(0.01)
assert call_apart(pid, said.append) not in (first, os.getpid())
"""


@pytest.mark.slow
def test_a_kept_process_that_was_killed_is_replaced():
    """It serves call after call; the next one after its end has another, and does not fail for it."""
    done = subprocess.run(
        [sys.executable, "-c", KEPT],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
