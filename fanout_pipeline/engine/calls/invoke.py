"""How the user's function is called: a plain one directly, an async one in an event loop.

Here an async function is awaited for one item after the other, so that every strategy can run it.
The strategy `asyncio` has many calls in flight (see `concurrent`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.system.signals import interrupts_marked

if TYPE_CHECKING:
    from fanout_pipeline.results.types.buffer import ResultBuffer

Append = Callable[["ResultBuffer | list[Any]", Iterable[Any]], None]
"""Appends the result of each item. When it raises, the results end before the guilty item's."""


def is_async(function: Callable[..., Any]) -> bool:
    """Whether its calls must be awaited: it is an `async def`, a partial of one or an object with one."""
    while isinstance(function, partial):
        function = function.func
    return iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)


@contextmanager
def appending(
    function: Callable[[Any], Any], spent: Callable[[float], object] = lambda seconds: None
) -> Iterator[Append]:
    """For the block, the function as a callable for a slice of items.

    `spent` is called with the CPU time that calls took in another thread.
    """
    with interrupts_marked():
        if is_async(function):
            yield Awaiting(function, spent).append
        else:
            # extend() keeps what the iterator gave before it raised.
            yield lambda results, items: results.extend(map(function, items))


@contextmanager
def calling(function: Callable[[Any], Any]) -> Iterator[Callable[[Any], Any]]:
    """For the block, the function as a plain callable for one item."""
    with interrupts_marked():
        yield Awaiting(function) if is_async(function) else function


@contextmanager
def awaited_aside(function: Callable[[Any], Any]) -> Iterator[None]:
    """For the block, an async function's calls are awaited in a thread of their own (see `event_loop`)."""
    if is_async(function):
        from fanout_pipeline.engine.calls.event_loop import served

        with served():
            yield
    else:
        yield


class Awaiting:
    """Awaits an async function's calls one after the other, in the event loop of the process."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        spent: Callable[[float], object] = lambda seconds: None,
    ):
        # A worker of a plain function does without: 40 ms.
        from asyncio import CancelledError

        from fanout_pipeline.engine.calls.event_loop import event_loop

        self._function = function
        self._spent = spent
        self._loop = event_loop()
        self._cancelled_error = CancelledError
        # One for all calls: what one call sets the next one sees, as with plain functions.
        self._context = copy_context()

    def append(self, results: ResultBuffer | list[Any], items: Iterable[Any]) -> None:
        """See `Append`."""
        slice_ = _Slice(self._function, results, items)
        self._loop.run(slice_.call_all(), self._context, slice_.give_up)
        if slice_.thread != threading.get_ident():
            self._spent(slice_.cpu_seconds)
        error = slice_.error
        if isinstance(error, self._cancelled_error):
            raise nobody_cancelled(error) from error
        if error is not None:
            raise error

    def __call__(self, item: Any) -> Any:
        results: list[Any] = []
        self.append(results, (item,))
        return results[0]


class _Slice:
    """Calls that are awaited one after the other until one fails."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        results: ResultBuffer | list[Any],
        items: Iterable[Any],
    ) -> None:
        self._function = function
        self._results = results
        self._items = items
        self.error: BaseException | None = None
        """What the last call raised. It must not be raised in the loop, which reacts to some exceptions itself."""
        self._given_up = False
        self.thread = 0
        self.cpu_seconds = 0.0

    def give_up(self) -> None:
        """Begin no further call."""
        self._given_up = True

    async def call_all(self) -> None:
        function, results = self._function, self._results
        self.thread, began = threading.get_ident(), time.thread_time()
        try:
            for item in self._items:
                if self._given_up:  # but the last call has ignored its cancellation
                    break
                results.append(await function(item))
        except BaseException as error:
            self.error = error
        self.cpu_seconds = time.thread_time() - began


def nobody_cancelled(error: BaseException) -> RuntimeError:
    """Stands for a CancelledError that a function has raised, which `except Exception` would not catch."""
    stand_in = RuntimeError("the function raised CancelledError, though its call was not cancelled")
    stand_in.__cause__ = error
    return stand_in
