"""How soon a thread of this process that computes makes way for another that wants to run Python."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 0.0005
"""Of the 5 ms that Python has as a default, each message to and from a worker process would take some."""
_lock = threading.Lock()
_before: list[float] = []
"""The interval that was found, once for each block that is open."""


@contextmanager
def quick_switches() -> Iterator[None]:
    """For the block, half a millisecond. Blocks may overlap; the last one leaves the interval as the first found it."""
    with _lock:
        found = _before[0] if _before else sys.getswitchinterval()
        _before.append(found)
        sys.setswitchinterval(min(found, _SECONDS))
    try:
        yield
    finally:
        with _lock:
            _before.pop()
            if not _before:
                sys.setswitchinterval(found)
