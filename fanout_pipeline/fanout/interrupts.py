"""Ctrl-C, put off while something is started that must be known before it can be stopped."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_held() -> Iterator[None]:
    """A SIGINT that comes in the block is handled at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[Any] = []
    previous = signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if came and callable(previous):
            previous(*came[0])
