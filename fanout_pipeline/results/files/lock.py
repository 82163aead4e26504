"""A lock that ends with the process that holds it, however that ends: `flock` on a file that stays."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.results.files.atomic import cannot
from fanout_pipeline.results.files.no_links import open_file

if sys.platform != "win32":  # There no file is locked: see `windows`.
    import fcntl

_POLL_SECONDS = 0.02
_held: set[int] = set()
"""The descriptors of all locks that this process holds."""


def _forget() -> None:
    """In a process that was forked from this one: it has no part in the locks, and must not outlive us with them."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def locked(path: Path, seconds: float = 0.0) -> Iterator[int]:
    """Hold the lock during the block, which is given the file's descriptor; creates the file if needed.

    Raises TimeoutError if someone else, this process included, holds it for longer than `seconds`, and
    CannotWrite if the file cannot be created.
    """
    descriptor = _acquired(path, time.monotonic() + seconds)
    _held.add(descriptor)
    try:
        yield descriptor
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
            # Closing alone would not do: a process that C code has forked has the descriptor, too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _acquired(path: Path, deadline: float) -> int:
    while True:
        try:
            descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise cannot("lock", path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            # The file was removed before it was locked: try the one that has its name now.
            os.close(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} is locked by another process.") from None
            time.sleep(_POLL_SECONDS)
