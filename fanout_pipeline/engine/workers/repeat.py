"""Calls made once more, in a worker process of their own, to see what they give now.

    ("call", call_again with function and items) -------------->  calls the function on each
               <-------------- BEGUN, when it has read that
               <-------------- (position, (result,)) as it comes, None for one that was not had
               <-------------- READY

A call that raises, ends its process or takes too long costs no more than its result.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.functions.serialize import sent
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.workers.log_records import LOGGED
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import CALL, READY

BEGUN = "begun"


class Again:
    """A fresh worker process that calls functions; it is ended with the block."""

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

    def ask(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        """Have the function called on each, one after the other. Raises TypeError: cannot be sent."""
        program = partial(call_again, function, items, Surroundings.here())
        self._worker.send_pickled(sent((CALL, program), function))

    def begun(self, until: float) -> bool:
        """Wait until it has read what it is asked, which may import much; to `until` at most.

        False: it never will.
        """
        message: Any = None
        with suppress(EOFError):
            while (message := self._next(until)) not in (None, BEGUN) and _is(READY, message):
                pass
        return bool(message == BEGUN)

    def answers(self, until: float) -> Iterator[tuple[int, tuple[Any] | None]]:
        """Position and result of each call that was answered before `until` (time.monotonic).

        None in the place of a result that was not had, for the call has raised. Whatever else goes wrong
        ends the answers.
        """
        with suppress(EOFError):
            while True:
                message = self._next(until)
                match message:
                    case (int(position), result):
                        yield position, result
                    case _:
                        return

    def _next(self, until: float) -> Any | None:
        while (message := self._worker.receive_ready()) is None or _is(LOGGED, message):
            if message is not None:
                continue
            left = until - time.monotonic()
            if left <= 0:
                return None
            poll = select.poll()
            poll.register(self._worker.fileno(), select.POLLIN)
            poll.poll(math.ceil(1000 * min(left, 0.2)))
            if self._worker.has_ended() and not self._worker.channel.readable():
                raise EOFError
        return message


def _is(kind: str, message: Any) -> bool:
    return isinstance(message, tuple) and message[0] == kind


def call_again(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    surroundings: Surroundings,
    tell: Callable[[Any], None],
) -> None:
    """In the worker. Results are told as they would be read back."""
    from fanout_pipeline.results.types.arrow_types import read_back
    from fanout_pipeline.results.types.infer import kind_of_value, plain

    surroundings.take_on()
    tell(BEGUN)
    with calling(function) as call:
        for position, item in enumerate(items):
            try:
                value = plain(call(item))
                result = (read_back(value, kind_of_value(value)),)
            except BaseException:
                result = None
            tell((position, result))
    tell(READY)
