"""What `setup` makes once a worker, and the functions that are given it as their second argument.

    worker with a chunk --> setup, the first time --> value
                        --> function(item, value), again and again
    after recycle_after calls, and when the worker has done its part of the run: the value is closed

A worker of a plain function is a process or a thread, and its value is its own. All calls of an async function in one
process have its event loop in common, and so one value. What setup returns is entered as by `with` (or `async with`,
for async functions first) if it can be; it is left as if nothing had been raised, whatever ends the run, because
a value has served many items.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import replace
from functools import partial, update_wrapper
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.calls.outcome import UNLIMITED, Control, Outcome, ProcessChunk
from fanout_pipeline.engine.calls.setup_errors import log_unclosed, setup_failed
from fanout_pipeline.engine.functions.resources import begun, secrets_of
from fanout_pipeline.engine.model.errors import Stopped, hide, show
from fanout_pipeline.engine.model.work import Setup, Work
from fanout_pipeline.engine.system.signals import interrupt_in, interrupts_held, interrupts_marked
from fanout_pipeline.sources.source import Chunk

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.loop_thread import EventLoop
    from fanout_pipeline.engine.calls.loop_value import LoopValue

_HELD_SECONDS = 1.0
"""For so long interrupts wait for a value to be closed: a Dagster step gets one Ctrl-C twice."""


@contextmanager
def given(
    work: Work, process: ProcessChunk, function: Callable[..., Any] | None = None
) -> Iterator[ProcessChunk]:
    """For the block, `process` with functions that are given the value of one worker, which is closed at the end.

    For workers of this process. `function` is the one that `process` calls, unless that is the one for single items.
    Enter and leave the block in the worker's thread.
    """
    if work.setup is None:
        yield process
        return
    with opened(work.setup, is_async(function or work.function)) as value:
        yield lambda work, chunk, control: value.process(process, work, chunk, control)


@contextmanager
def opened(setup: Setup, awaits: bool, *, aside: bool = True) -> Iterator[WorkerValue]:
    """For the block, the value of one worker in this process. See `WorkerValue`."""
    value = WorkerValue(setup, awaits, aside=aside)
    try:
        yield value
    finally:
        with interrupts_held(_HELD_SECONDS):
            value.close()


class WorkerValue:
    """The value of one worker during one run: made when it is first asked for, and closed in the end."""

    def __init__(self, setup: Setup, awaits: bool, *, aside: bool):
        """`awaits`: its function is async. `aside`: coroutines are awaited in another thread (see `event_loop`)."""
        self._setup = setup
        self._awaits = awaits
        self._aside = aside
        self._stack = ExitStack()
        """What is closed with the worker: its resources."""
        self._closing = ExitStack()
        """What is closed with the value."""
        self._resources: dict[str, Any] | None = None
        self._loop: EventLoop | None = None
        self._value: Any = None
        self._left: float = 0
        """How many calls may still have this value."""
        self._in_loop: LoopValue | None = None
        """The value of async functions, which the loop takes care of."""
        self._made = self._made_cpu = 0.0
        """Seconds that it took to make values, as far as nobody has asked for them."""
        self.is_making = False
        """Whether a value is being made, in which nobody should raise anything: it would never be closed."""
        self._control = UNLIMITED
        self._secrets = secrets_of(setup.resources)
        hide(self._secrets)

    def process(
        self,
        process: Callable[..., Outcome],
        work: Work,
        chunk: Chunk,
        control: Control,
        *more: Any,
    ) -> Outcome:
        """Have `process` do a chunk with functions that are given the value."""
        self.ready(control)
        before, self._made, self._made_cpu = self._made, 0.0, 0.0
        both = {"function": work.function, "batch_function": work.batch_function}
        given = {
            name: self.function(one)
            for name, one in both.items()
            if one is not None and is_async(one) == self._awaits
        }
        outcome = process(replace(work, **given), chunk, control, *more)  # type: ignore[arg-type]
        made, self._made = self._made, 0.0
        return outcome.without(made, self._made_cpu, before)

    def function(self, function: Callable[..., Any]) -> Callable[[Any], Any]:
        """The function with the value, which there is, as its second argument. It awaits where the function does."""
        if is_async(function):
            from fanout_pipeline.engine.calls.loop_value import GivenAsyncFunction

            return GivenAsyncFunction(function, self.in_loop)
        value, taken = self._value, self._taken
        is_kept = self._setup.recycle_after is None
        given = (
            (lambda item: function(item, value))
            if is_kept
            else (lambda item: function(item, taken()))
        )
        # A batch function's signature says what it takes.
        return update_wrapper(given, function, updated=())

    @property
    def is_made(self) -> bool:
        """Whether there is a value. (Calls have another made where it has served for enough.)"""
        return self.in_loop.is_made if self._awaits else self._left > 0

    def ready(self, control: Control = UNLIMITED) -> None:
        """Make the value unless there is one. Raises SetupFailed, and interrupts."""
        self._control = control
        if self.is_made:
            return
        if self._awaits:
            self.await_(self.in_loop.ready())
        else:
            self._make()

    def _taken(self) -> Any:
        """The value for one more call, made anew if it has served for enough."""
        if self._left <= 0:
            self._make()
        self._left -= 1
        return self._value

    def close(self) -> None:
        """Close the value, if there is one, and the resources. What goes wrong is logged."""
        try:
            self._close_value()
            if self._in_loop is not None:
                self._leave(lambda: self.await_(self.in_loop.close()))
            self._leave(self._stack.close)
        finally:
            show(self._secrets)
            self._secrets.clear()

    @property
    def in_loop(self) -> LoopValue:
        """The value of async functions, made in the event loop of this process."""
        if self._in_loop is None:
            from fanout_pipeline.engine.calls.loop_value import LoopValue

            self._in_loop = LoopValue(
                partial(self._setup.make, **self._begun()),
                self._setup.recycle_after or math.inf,
                self._making,
                partial(setup_failed, self._setup),
                partial(log_unclosed, self._setup),
            )
        return self._in_loop

    def await_(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Await a coroutine in the event loop of this process."""
        if self._loop is None:
            from fanout_pipeline.engine.calls.event_loop import event_loop, served

            self._loop = self._stack.enter_context(served()) if self._aside else event_loop()
        self._loop.run(coroutine, copy_context())

    @contextmanager
    def _making(self) -> Iterator[None]:
        """Around all that makes a value: it is no part of an item's call. Raises Stopped at the end of a run that was."""
        recorder = self._control.recorder
        with nullcontext() if recorder is None else recorder.setting_up():
            began, cpu = time.perf_counter(), time.thread_time()
            self.is_making = True
            try:
                yield
            finally:
                self.is_making = False
                self._made += time.perf_counter() - began
                self._made_cpu += time.thread_time() - cpu
        if self._control.stopped():
            raise Stopped

    def _begun(self) -> dict[str, Any]:
        if self._resources is None:
            with interrupts_marked():
                try:
                    self._resources = begun(self._setup.resources, self._stack)
                except BaseException as error:
                    raise setup_failed(self._setup, error) from None
        return self._resources

    def _make(self) -> None:
        """Make the value of a plain function, in this thread."""
        with self._making():
            self._close_value()
            with interrupts_marked():
                resources = self._begun()
                try:
                    made = self._setup.make(**resources)
                    kind = type(made)
                    if hasattr(kind, "__enter__"):
                        made = self._closing.enter_context(made)
                    elif isawaitable(made) or hasattr(kind, "__aenter__"):
                        made = self._made_in_loop(made)
                except BaseException as error:
                    raise setup_failed(self._setup, error) from None
            self._value, self._left = made, self._setup.recycle_after or math.inf

    def _made_in_loop(self, made: Any) -> Any:
        from fanout_pipeline.engine.calls.loop_value import Kept

        kept = Kept(lambda: made)
        self.await_(kept.begin())
        self._closing.callback(lambda: self.await_(kept.end()))
        return kept.value

    def _close_value(self) -> None:
        self._left, self._value = 0, None
        self._leave(self._closing.close)

    def _leave(self, close: Callable[[], object]) -> None:
        try:
            with interrupts_marked():
                close()
        except BaseException as error:
            if isinstance(error, Stopped) or interrupt_in(error) is not None:
                raise
            log_unclosed(self._setup, error)
