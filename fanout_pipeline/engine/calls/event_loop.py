"""The event loop of this process: one for all calls of async functions in all its runs.

What an async function makes at its first call and keeps, such as a client with its connections, is bound to
the loop in which it was made. So the loop lives as long as the process; at the end the tasks that are left
are cancelled, and it is closed.

    a step's process                                    a worker process
    crews submit coroutines and wait;                   its only thread runs the loop itself,
    a thread runs the loop as long as there             for as long as a slice of calls takes
    are crews (`served`)

That thread runs nothing but the loop. So an interrupt reaches a crew where it waits and never the loop, which
would log and forget any exception except KeyboardInterrupt.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any

from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.system.signals import interrupt_in, taken

_PATIENCE_SECONDS = 5.0
"""Time for cancelled tasks to end."""
_CHECK_SECONDS = 0.2


class EventLoop:
    """A loop, and the thread that runs it while it is served."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pid = os.getpid()
        self.users = 0
        """Number of `served` blocks that are open."""
        self._thread: threading.Thread | None = None
        self._stopping = False

    def run(
        self,
        coroutine: Coroutine[Any, Any, Any],
        context: Context,
        interrupted: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a coroutine to its end. Raises what it raises, and interrupts, which cancel it.

        `interrupted` is called before it is cancelled.
        """
        if self._thread is not None:
            call = self.submit(coroutine, context=context)
            try:
                call.wait()
            except BaseException:
                interrupted()
                call.give_up()
                raise
            return
        task = self.loop.create_task(coroutine, context=context)
        while not task.done():
            try:
                self.loop.run_until_complete(task)
            except BaseException as error:
                if interrupt_in(error) is not None:
                    interrupted()
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        self.loop.run_until_complete(task)
                    raise
                # Raised in a task that the function has begun, which will see it; or the loop was stopped.
        if not task.cancelled():
            task.result()

    def submit(
        self,
        coroutine: Coroutine[Any, Any, Any],
        ended: Callable[[Any], object] = lambda task: None,
        context: Context | None = None,
    ) -> Call:
        """Begin a coroutine in the served loop, in the given context or a copy of this thread's."""
        call = Call(self, coroutine, ended, context)
        self.loop.call_soon_threadsafe(call.begin)
        return call

    def serve(self) -> None:
        """Run the loop in a thread of its own."""
        self._stopping = False
        # A thread that has to be abandoned must not keep the process alive.
        self._thread = threading.Thread(target=self._drive, name="fanout-loop", daemon=True)
        self._thread.start()

    def rest(self) -> None:
        """End the thread. Unfinished tasks stay as they are."""
        thread, self._stopping = self._thread, True
        assert thread is not None
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join(_CHECK_SECONDS)
        until = time.monotonic() + _PATIENCE_SECONDS
        while thread.is_alive() and time.monotonic() < until:
            # It is blocked by a call whose crew was interrupted while it waited for the call to end.
            self.interrupt()
            thread.join(_CHECK_SECONDS)
        if thread.is_alive():
            self.abandon()
        else:
            self._thread = None

    def close(self) -> None:
        """Cancel all tasks, end what else is open, and close the loop, which no thread may be running."""
        try:
            self.run(self._end(), Context())
        finally:
            self.loop.close()

    def is_blocked(self) -> bool:
        """Whether a call keeps the loop from doing anything else."""
        beat = threading.Event()
        self.loop.call_soon_threadsafe(beat.set)
        return not beat.wait(_CHECK_SECONDS)

    def interrupt(self) -> None:
        """Raise Stopped in what blocks the loop, which ends it if it runs Python and lets it happen."""
        if self._thread is not None and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(Stopped)
            )

    def abandon(self) -> None:
        """Use another loop from now on."""
        if _forget(self):
            logging.getLogger(__name__).warning(
                "A call of an async function did not end within %g s after it was cancelled. Its event "
                "loop is abandoned in a thread of this process; further calls use another loop.",
                _PATIENCE_SECONDS,
            )

    def _drive(self) -> None:
        while not self._stopping:
            # A task's sys.exit(), which the task has kept, too; or Stopped.
            with suppress(BaseException):
                self.loop.run_forever()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS)
        await self.loop.shutdown_asyncgens()
        with suppress(RuntimeError):  # As Python ends no thread can be started, nor is one left.
            await self.loop.shutdown_default_executor()


class Call:
    """A coroutine that was submitted."""

    def __init__(
        self,
        loop: EventLoop,
        coroutine: Coroutine[Any, Any, Any],
        ended: Callable[[Any], object],
        context: Context | None,
    ):
        self._loop = loop
        self._coroutine = coroutine
        self._on_end = ended
        self._context = context
        self._task: asyncio.Task[Any] | None = None
        self._ended: SimpleQueue[asyncio.Task[Any]] = SimpleQueue()

    def begin(self) -> None:
        """Called in the loop."""
        self._task = self._loop.loop.create_task(self._coroutine, context=self._context)
        self._task.add_done_callback(self._ended.put)
        self._task.add_done_callback(self._on_end)

    def wait(self) -> None:
        """Wait until it has ended. Raises what it has raised; interrupts are noticed meanwhile."""
        task = taken(self._ended)
        if not task.cancelled():
            task.result()

    def give_up(self) -> None:
        """Cancel it and wait for its end; if it does not end, abandon its loop."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            self._loop.loop.call_soon_threadsafe(self._cancel)
            with suppress(Empty, Stopped):  # Stopped may be raised here more than once.
                self._ended.get(timeout=_CHECK_SECONDS)
            if self._task is not None and self._task.done():
                if not self._task.cancelled():
                    self._task.exception()  # Otherwise asyncio would log that it was never retrieved.
                return
            if self._loop.is_blocked():
                self._loop.interrupt()
        self._loop.abandon()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


_lock = threading.RLock()
_present: list[EventLoop] = []
"""The loop of this process, if there is one."""
_abandoned: list[EventLoop] = []
"""Kept, because Python would warn that they are not closed."""


def event_loop() -> EventLoop:
    """The loop of this process."""
    with _lock:
        if _present and _present[0].pid != os.getpid():
            # Its selector is shared with the process that we were forked from.
            _forget(_present[0])
        if not _present:
            _present.append(EventLoop())
            _close_at_exit()
        return _present[0]


@contextmanager
def served() -> Iterator[EventLoop]:
    """For the block, a thread runs the loop of this process, and coroutines can be submitted."""
    with _lock:
        loop = event_loop()
        loop.users += 1
        if loop.users == 1:
            loop.serve()
    try:
        yield loop
    finally:
        with _lock:
            loop.users -= 1
            if not loop.users:
                loop.rest()


def close() -> None:
    """End what is left in the loop of this process and close it; the next call makes another."""
    with _lock:
        if _present and _present[0].pid == os.getpid() and not _present[0].users:
            _present.pop().close()


def _forget(loop: EventLoop) -> bool:
    with _lock:
        known = loop in _present
        if known:
            _present.remove(loop)
            _abandoned.append(loop)
        return known


def _close_at_exit() -> None:
    atexit.unregister(close)
    atexit.register(close)
    # Children of multiprocessing do not run atexit's functions.
    if "multiprocessing.process" in sys.modules:
        from multiprocessing import parent_process, util

        if parent_process() is not None:
            util.Finalize(None, close, exitpriority=0)
