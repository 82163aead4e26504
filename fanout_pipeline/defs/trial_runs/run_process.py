"""Starts a run of the chunk graph in a process of its own, and ends it, whatever it does."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fanout_pipeline.defs.trial_runs.chunk_run import RECORD
from fanout_pipeline.defs.trial_runs.metered import FOLDER
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.measuring.trials.time_limit import TookTooLong

_PROGRAM = """\
import time; began = time.time()
from fanout_pipeline.defs.trial_runs.chunk_run import run
run(began, {request!r})
"""
_LAST_OUTPUT_CHARACTERS = 4000


class RunFailed(Exception):
    """A trial's run of the chunk graph failed. The message ends with the last output of the run."""


def execute(request: dict[str, Any], folder: Path, limit_seconds: float | None) -> None:
    """Have `chunk_run.run` execute the request and write its record into the folder.

    Raises RunFailed, or TookTooLong after the given time.
    """
    output = folder / "output.txt"
    process = None
    try:
        with output.open("wb") as printed, interrupts_held():
            process = subprocess.Popen(
                command(_PROGRAM.format(request=request)),
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                env=os.environ | {FOLDER: str(folder)} | _data_root(request),
                start_new_session=True,
            )
        with killed_after(limit_seconds, process):
            process.wait()
    finally:
        if process is not None:
            with interrupts_held():
                _end(process)
    if process.returncode or not (folder / RECORD).exists():
        last = output.read_text(errors="replace")[-_LAST_OUTPUT_CHARACTERS:]
        raise RunFailed(f"It ended with exit code {process.returncode}. Its last output:\n{last}")


def _data_root(request: dict[str, Any]) -> dict[str, str]:
    """The environment that says where it is, to a run in an instance that is not the project's."""
    return {"FANOUT_DATA": root} if (root := request.get("data_root")) else {}


@contextmanager
def killed_after(limit_seconds: float | None, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process, with its group, if the block takes longer. Raises TookTooLong afterwards.

    The block is to end when the process does.
    """
    if limit_seconds is None:
        yield
        return
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(process)

    # Not Popen.wait's own time-out, with which Python only looks at the process at intervals.
    watchdog = threading.Timer(limit_seconds, expire)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        watchdog.join()
    if expired.is_set():
        raise TookTooLong(limit_seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the run: its steps are in its process group."""
    assert process.stdin is not None
    _kill(process)
    process.stdin.close()
    process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
