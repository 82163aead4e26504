"""Interrupts (SIGINT and SIGTERM): deferred where they would do harm, noticed in waits, distinguished from errors.

- They would do harm between starting a process and recording it, and between ending one process and the next. A Dagster
  step gets one Ctrl-C twice: from the terminal and from the executor.
- Python does not notice a signal that arrives just as the main thread begins to wait until that wait ends.
- A signal handler and the user's function may both raise KeyboardInterrupt or SystemExit in the same call.
"""

import math
import signal
import threading
import time
from _signal import getsignal as _getsignal  # type: ignore[import-not-found]  # gives numbers no names, which takes long
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

WAIT_SECONDS = 0.5
"""The longest single wait. Python notices interrupts between two of them."""

_Item = TypeVar("_Item")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MARK = "came_with_a_signal"


class _HeldInterrupts:
    """Interrupts that have arrived and wait to be handled."""

    def __init__(self, seconds: float):
        self._until = time.monotonic() + seconds
        self._arrived: list[int] = []
        self._previous: dict[int, Any] = {}

    def hold(self) -> None:
        """Hold back interrupts from now on. Does nothing in other threads: Python lets only the main one."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._hold_back)

    def release(self) -> None:
        """Stop holding back, and handle what has arrived."""
        while self._previous:
            signal.signal(*self._previous.popitem())
        arrived, self._arrived = self._arrived, []
        for number in dict.fromkeys(arrived):
            signal.raise_signal(number)

    def _hold_back(self, number: int, frame: Any) -> None:
        if time.monotonic() < self._until:
            self._arrived.append(number)
        elif callable(handler := self._previous[number]):
            handler(number, frame)


def interruptible_get(queue: SimpleQueue[_Item]) -> _Item:
    """The next item of a queue; interrupts are noticed while it waits."""
    while True:
        try:
            return queue.get(timeout=WAIT_SECONDS)
        except Empty:
            continue


@contextmanager
def interrupts_held(seconds: float = math.inf) -> Iterator[None]:
    """Interrupts that arrive in the first `seconds` of the block wait for its end."""
    held = _HeldInterrupts(seconds)
    held.hold()
    try:
        yield
    finally:
        held.release()


@contextmanager
def interrupts_marked() -> Iterator[None]:
    """Mark what signal handlers raise in the block, for `interrupt_in`.

    Does nothing outside the main thread, in which alone Python calls handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    marking: dict[int, Callable[[int, Any], Any]] = {}
    previous: dict[int, Any] = {}
    try:
        for number in _all_signals():
            handler = _getsignal(number)
            if callable(handler):
                previous[number], marking[number] = handler, _marking(handler)
                signal.signal(number, marking[number])
        yield
    finally:
        for number, ours in marking.items():
            # A handler that was set in the block is meant to stay.
            if signal.getsignal(number) is ours:
                signal.signal(number, previous[number])


@cache
def _all_signals() -> tuple[int, ...]:
    return tuple(map(int, signal.valid_signals()))


def _marking(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    def marks(number: int, frame: Any) -> Any:
        try:
            return handler(number, frame)
        except BaseException as error:
            setattr(error, _MARK, True)
            raise

    return marks


def interrupt_in(error: BaseException) -> BaseException | None:
    """The exception that a signal handler raised: the error itself, or one of its causes or contexts."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if getattr(found, _MARK, False):
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None
