"""One run at a time writes to a folder: others wait for their turn, and say for whom.

The lock ends with its process, however that ends. Its file says who has it, as long as somebody has.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.files.printable import printable

_AGAIN_SECONDS = 60.0
"""How often a run that waits says so."""


@contextmanager
def turn(
    lock: Path, folder: Path, seconds: float, log: Callable[[str], object], who: str
) -> Iterator[bool]:
    """For the block, no other run writes to the folder, whose lock this is; whether it was waited for.

    `who` names this run to others. Raises TimeoutError where another one has its turn for longer than `seconds`, and
    CannotWrite where the lock cannot be created.
    """
    began, waited = time.monotonic(), False
    with ExitStack() as held:
        while True:
            passed = time.monotonic() - began
            patience = min(seconds - passed, _AGAIN_SECONDS) if waited else 0.0
            try:
                descriptor = held.enter_context(locked(lock, patience))
                break
            except TimeoutError:
                holder = _holder(lock)
                passed = time.monotonic() - began
                if passed >= seconds:
                    raise TimeoutError(_in_vain(holder, folder, seconds)) from None
            so_far = f"{passed:.0f} s so far" if waited else f"for {seconds:g} s at most"
            log(f"waits for {holder}, which writes to {folder} ({so_far})")
            waited = True
        _sign(descriptor, who)
        yield waited


def _in_vain(holder: str, folder: Path, seconds: float) -> str:
    return (
        f"{holder[0].upper()}{holder[1:]} still writes to {folder}, after this run has waited for "
        f"lock_wait_seconds={seconds:g}. Run again when it has ended, or end it; Options(lock_wait_seconds=…) waits "
        "longer. Nothing was changed."
    )


def _sign(descriptor: int, who: str) -> None:
    """Say who has the lock."""
    found = {"who": who, "pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    with suppress(OSError):  # The disk may be full, which the run will say itself.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(found).encode(), 0)


def _holder(lock: Path) -> str:
    """Who has the lock, as a run's name, process, host and time."""
    try:
        found = json.loads(lock.read_bytes())
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found["since"]))
        who, host = printable(found["who"] or "another run"), printable(found["host"])
        return f"{who} (process {found['pid']:d} on {host}, since {since})"
    except (OSError, ValueError, TypeError, KeyError):  # It has just begun, or ended.
        return "another run"
