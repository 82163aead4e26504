"""Calls made once more, in a worker process of their own, to see whether a function gives the same results again.

    (CALL, serve with function, items, surroundings) -------->  calls the function on each item
               <-------------- BEGUN, when it has unpickled that
               <-------------- (position, (result,)) after each call; None in place of (result,) if it failed
               <-------------- READY

A call that raises, ends its process or takes too long costs no more than its result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from fanout_pipeline.engine.calls.invoke import calling, is_async
from fanout_pipeline.engine.calls.setup import opened
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.work import Setup
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import CALL, LOGGED, READY

BEGUN = "begun"


class RepeatingWorker:
    """A fresh worker process that calls a function; it is killed at the end of the block."""

    def __init__(self, environment: Mapping[str, str] | None = None):
        self._environment = environment or {}

    def __enter__(self) -> Self:
        with interrupts_held():
            self._worker = WorkerProcess.start(self._environment)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._worker.kill()
        self._worker.wait()
        self._worker.close()

    def call_each(
        self, function: Callable[..., Any], items: Sequence[Any], setup: Setup | None = None
    ) -> None:
        """Have the function called on each item in turn. Raises TypeError if it cannot be sent.

        The process makes what `setup` makes once a call of this; it is given to the function.
        """
        request = (CALL, partial(serve, function, items, Surroundings.current(), setup))
        self._worker.send_pickled(pickle_with_function(request, function, setup=setup))

    def has_begun(self, until: float) -> bool:
        """Wait until it has unpickled the request, which may import much; False: not by `until`, or never."""
        message: Any = None
        with suppress(EOFError):
            while (message := self._next(until)) not in (None, BEGUN) and _is(READY, message):
                pass
        return bool(message == BEGUN)

    def results(self, until: float) -> Iterator[tuple[int, tuple[Any] | None]]:
        """Position and result of each call that returned before `until` (time.monotonic).

        None in place of the result of a call that raised. Whatever else goes wrong ends the iteration.
        """
        with suppress(EOFError):
            while True:
                match self._next(until):
                    case (int(position), result):
                        yield position, result
                    case _:
                        return

    def _next(self, until: float) -> Any | None:
        """The next message that is no record of `logging`; None if it takes longer."""
        while (message := self._worker.receive_ready()) is None or _is(LOGGED, message):
            if message is None:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._worker.wait_readable(min(left, WAIT_SECONDS))
        return message


def _is(kind: str, message: Any) -> bool:
    return isinstance(message, tuple) and message[0] == kind


def serve(
    function: Callable[..., Any],
    items: Sequence[Any],
    surroundings: Surroundings,
    setup: Setup | None,
    send: Callable[[Any], None],
) -> None:
    """Call the function, in the worker. Results are sent as they would be read back from a part."""
    surroundings.apply()
    value = nullcontext() if setup is None else opened(setup, is_async(function), aside=False)
    with value as made:
        if made is not None:
            made.ready()
            function = made.function(function)
        send(BEGUN)
        _call_each(function, items, send)
    send(READY)


def _call_each(
    function: Callable[[Any], Any], items: Sequence[Any], send: Callable[[Any], None]
) -> None:
    from fanout_pipeline.results.types.infer import kind_of_value, read_back
    from fanout_pipeline.results.types.plain import plain

    with calling(function) as call:
        for position, item in enumerate(items):
            try:
                value = plain(call(item))
                result = (read_back(value, kind_of_value(value)),)
            except BaseException:
                result = None
            send((position, result))
