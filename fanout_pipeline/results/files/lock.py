"""A lock that dies with the process that holds it, whatever ends it: `flock` on a file that stays."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.results.files.atomic import cannot
from fanout_pipeline.results.files.no_links import open_file

_POLL_SECONDS = 0.02


class Held(TimeoutError):
    """Somebody else holds the lock: another process, or another block of this one."""


@contextmanager
def locked(path: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock for the block. The file is made where it is not there.

    Raises Held if it could not be had within so many seconds, CannotWrite where there can be no
    such file.
    """
    descriptor = _acquired(path, time.monotonic() + seconds)
    try:
        yield
    finally:
        # Not only closed: a process that was forked from this one has the descriptor, too.
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
            # It was removed before it was locked, and is nobody's lock any more.
            os.close(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise Held(f"{path} is held by another process that works there.") from None
            time.sleep(_POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
