"""Starts a daemon with a session of its own, and never comes back."""

import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def start(job):
    program = "import sys; sys.stdin.read()"
    daemon = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, start_new_session=True
    )
    daemon.wait()
    yield
