"""SIGINT and SIGTERM, put off while an interrupt would do harm.

Where it would: between starting a process and knowing it, and between ending one process and the
next. One Ctrl-C comes twice to a Dagster step: from the terminal and from the executor.

And signals that nobody would see: Python misses one that comes just as the main thread begins to wait,
until that wait ends.

And what a handler of signals raises in the middle of a call, told from what the function raises: both
may be a KeyboardInterrupt or a SystemExit.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

WAIT_SECONDS = 0.5
"""No wait that interrupts are to be seen in is longer; whoever waits then begins another."""

_Taken = TypeVar("_Taken")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MARK = "came_with_a_signal"


class _HeldInterrupts:
    """Signals that came and wait to be handled."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._previous: dict[int, Any] = {}

    def hold(self) -> None:
        """From now on signals wait. Python lets only the main thread hold them."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._came_in)

    def release(self) -> None:
        """Handle signals as before, those that have come first."""
        while self._previous:
            signal.signal(*self._previous.popitem())
        came, self._came = self._came, []
        for number in dict.fromkeys(came):
            signal.raise_signal(number)

    def _came_in(self, number: int, frame: Any) -> None:
        self._came.append(number)


def taken(queue: SimpleQueue[_Taken]) -> _Taken:
    """The next of a queue, however long it takes to come; interrupts are seen meanwhile."""
    while True:
        try:
            return queue.get(timeout=WAIT_SECONDS)
        except Empty:
            continue


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Signals that come in the block wait for its end."""
    held = _HeldInterrupts()
    held.hold()
    try:
        yield
    finally:
        held.release()


@contextmanager
def interrupts_marked() -> Iterator[None]:
    """What handlers of signals raise in the block is found by `interrupt_in`.

    Python calls handlers in the main thread only: elsewhere, and where signals have none, this does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    marking: dict[int, Callable[[int, Any], Any]] = {}
    previous: dict[int, Any] = {}
    try:
        for number in map(int, signal.valid_signals()):
            handler = signal.getsignal(number)
            if callable(handler):
                previous[number], marking[number] = handler, _marking(handler)
                signal.signal(number, marking[number])
        yield
    finally:
        for number, ours in marking.items():
            # Whoever has put another there in the block means it to stay.
            if signal.getsignal(number) is ours:
                signal.signal(number, previous[number])


def _marking(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    def marks(number: int, frame: Any) -> Any:
        try:
            return handler(number, frame)
        except BaseException as error:
            setattr(error, _MARK, True)
            raise

    return marks


def interrupt_in(error: BaseException) -> BaseException | None:
    """What a signal's handler has raised, if that is it or what it was raised from or beside."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if getattr(found, _MARK, False):
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None
