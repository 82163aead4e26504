"""A lock is of one process, and ends with it."""

import os
import signal
import subprocess
import sys

import pytest

from fanout_pipeline.results.files.lock import locked

PROGRAM = """
import os, sys, time
from pathlib import Path
from fanout_pipeline.results.files.lock import locked

with locked(Path(sys.argv[1])):
    child = os.fork()
    if not child:
        time.sleep(600)
    print(child, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_has_forked_keeps_no_lock(tmp_path):
    """Such as the workers of a pool that the function has made: they may live for ever, and nobody waits for them."""
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE)
    child = int(process.stdout.readline())
    try:
        with pytest.raises(TimeoutError), locked(path):
            pass
        process.kill()
        process.wait()
        with locked(path, 60):
            os.kill(child, 0)  # It lives.
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_fork_lets_the_lock_be(tmp_path):
    """That a child ends, also out of the block, leaves its parent the lock."""
    with locked(tmp_path / "lock"):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(TimeoutError), locked(tmp_path / "lock"):
            pass
