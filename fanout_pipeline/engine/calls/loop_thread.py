"""An event loop, run by the thread that calls or by a thread of its own, and what is submitted to it."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any

from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.system.signals import interrupt_in, interruptible_get

PATIENCE_SECONDS = 5.0
"""Time for cancelled tasks to end."""
_CHECK_SECONDS = 0.2


class EventLoop:
    """A loop, and the thread that runs it while it is served."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pid = os.getpid()
        self.users = 0
        """Number of `served` blocks that are open."""
        self.abandoned = False
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
        if self.abandoned:
            coroutine.close()
            raise RuntimeError("the event loop that it belongs to is blocked")
        if self._thread is not None:
            call = Call(self, coroutine, context=context)
            try:
                call.submit()
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
        until = time.monotonic() + PATIENCE_SECONDS
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
        """Leave what blocks the loop to itself; the loop is not used any more."""
        if not self.abandoned:
            self.abandoned = True
            # As Python ends it destroys the tasks, and asyncio would report each as if by accident.
            self.loop.set_exception_handler(lambda loop, context: None)
            logging.getLogger(__name__).warning(
                "A call of an async function was cancelled and has not ended. Its event loop is "
                "abandoned in a thread of this process; further calls use another loop."
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
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        await self.loop.shutdown_asyncgens()
        with suppress(RuntimeError):  # As Python ends no thread can be started, nor is one left.
            await self.loop.shutdown_default_executor()


class Call:
    """A coroutine for the served loop, in the given context or a copy of the thread's that submits it.

    Made, then submitted: an interrupt may come in between, and then it is given up.
    """

    def __init__(
        self,
        loop: EventLoop,
        coroutine: Coroutine[Any, Any, Any],
        ended: Callable[[Any], object] = lambda task: None,
        context: Context | None = None,
    ):
        self._loop = loop
        self._coroutine = coroutine
        self._on_end = ended
        self._context = context
        self._task: asyncio.Task[Any] | None = None
        self._withdrawn = False
        self._ended: SimpleQueue[asyncio.Task[Any]] = SimpleQueue()

    def submit(self) -> None:
        """Have the loop begin it."""
        self._loop.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._withdrawn:
            return
        self._task = self._loop.loop.create_task(self._coroutine, context=self._context)
        self._task.add_done_callback(self._ended.put)
        self._task.add_done_callback(self._on_end)

    def wait(self) -> None:
        """Wait until it has ended. Raises what it has raised; interrupts are noticed meanwhile."""
        task = interruptible_get(self._ended)
        if not task.cancelled():
            task.result()

    def give_up(self) -> None:
        """Cancel it and wait for its end; if it does not end, abandon its loop."""
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            while not self._has_ended() and time.monotonic() < until:
                # Stopped may be raised here more than once.
                with suppress(Empty, Stopped):
                    self._loop.loop.call_soon_threadsafe(self._cancel)
                    self._ended.get(timeout=_CHECK_SECONDS)
                with suppress(Stopped):
                    if not self._has_ended() and self._loop.is_blocked():
                        self._loop.interrupt()
        finally:  # Another interrupt may have ended the wait.
            if not self._has_ended():
                self._loop.abandon()

    def _has_ended(self) -> bool:
        if self._withdrawn:
            return True
        if self._task is None or not self._task.done():
            return False
        if not self._task.cancelled():
            self._task.exception()  # Otherwise asyncio would log that it was never retrieved.
        return True

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif not self._withdrawn:  # The interrupt came before it was submitted.
            self._withdrawn = True
            self._coroutine.close()
