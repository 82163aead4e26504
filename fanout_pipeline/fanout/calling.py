"""How the user's function is called: a plain one as it is, an async one in an event loop.

Here an async function is awaited for one item after the other, so that every strategy can run it;
to have many calls in flight is what the strategy `asyncio` does (see `in_flight`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Protocol


class Growing(Protocol):
    """A list, or what takes results in its place."""

    def append(self, result: Any, /) -> None: ...

    def extend(self, results: Iterable[Any], /) -> None: ...


_RUST = "pyo3_runtime"

Append = Callable[[Growing, Iterable[Any]], None]
"""Appends the result of each item. When it raises, the results end before the guilty item's."""


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calls must be awaited: an `async def`, a partial of one, an object so called."""
    while isinstance(function, partial):
        function = function.func
    return iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)


@contextmanager
def appending(function: Callable[[Any], Any]) -> Iterator[Append]:
    """For the block, the function as a callable for a slice of items."""
    if is_async(function):
        with closing(Awaiting(function)) as awaiting:
            yield awaiting.append
    else:
        # extend() keeps what the iterator gave before it raised.
        yield lambda results, items: results.extend(map(function, items))


@contextmanager
def calling(function: Callable[[Any], Any]) -> Iterator[Callable[[Any], Any]]:
    """For the block, the function as a plain callable for one item."""
    if is_async(function):
        with closing(Awaiting(function)) as awaiting:
            yield awaiting
    else:
        yield function


class Awaiting:
    """Awaits an async function's calls one after the other, all in one event loop of its own."""

    def __init__(self, function: Callable[[Any], Any]):
        # A worker of a plain function does without: 40 ms.
        import asyncio

        self._function = function
        # With a factory the runner leaves alone which loop is the thread's.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._cancelled_error = asyncio.CancelledError
        self._interrupt: BaseException | None = None

    def append(self, results: Growing, items: Iterable[Any]) -> None:
        """See `Append`."""
        loop = self._runner.get_loop()
        loop.set_exception_handler(self._look_for_interrupt)
        try:
            loop.run_until_complete(self._each(results, items))
        except self._cancelled_error as error:
            raise nobody_cancelled(error) from error
        except RuntimeError:
            if self._interrupt is None:
                raise
        if self._interrupt is not None:
            raise self._interrupt

    def __call__(self, item: Any) -> Any:
        results: list[Any] = []
        self.append(results, (item,))
        return results[0]

    def close(self) -> None:
        """Cancel what is left of the calls and of the tasks that they began."""
        self._runner.close()

    async def _each(self, results: Growing, items: Iterable[Any]) -> None:
        function = self._function
        for item in items:
            results.append(await function(item))

    def _look_for_interrupt(self, loop: Any, context: dict[str, Any]) -> None:
        """A signal's exception that was raised between two steps of a call ends the loop.

        A loop lets only KeyboardInterrupt through there; Dagster's interrupts are others, which it
        would log and forget.
        """
        error = context.get("exception")
        if error is None or isinstance(error, Exception):
            loop.default_exception_handler(context)
        else:
            self._interrupt = error
            loop.stop()


def require_failed(error: BaseException) -> None:
    """Raise on what came out of a call and is not the function's failure: Ctrl-C, an exit.

    The panic of a package written in Rust is a failure, though it is no Exception.
    """
    if not isinstance(error, Exception) and type(error).__module__ != _RUST:
        raise error


def nobody_cancelled(error: BaseException) -> RuntimeError:
    """In the place of a CancelledError that came out of a function, which no `except Exception` sees."""
    told = RuntimeError("the function raised CancelledError, though its call was not cancelled")
    told.__cause__ = error
    return told
