"""Many calls of an async function in flight in one event loop, with results in the order of the items.

    the thread that reads and writes         the event loop, in a thread of its own
    add(Calls of a chunk) ---------------->  as many tasks as calls may be in flight take the items of
                                             one chunk after the other and await the function
    next_complete() <----------------------  Calls with all results

There is no barrier between chunks: a task that finds no item left in one goes on with the next
while others still wait in the first. The set of tasks is fixed, because a task for each item takes 1.6 times as
long (10,000 waits of 10 ms, 1,000 in flight: 0.22 s instead of 0.14 s).
"""

from __future__ import annotations

import asyncio
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from fanout_pipeline.engine.calls.calls_of_chunk import Calls
from fanout_pipeline.engine.calls.invoke import nobody_cancelled
from fanout_pipeline.engine.calls.item_timeout import Limited
from fanout_pipeline.engine.calls.setup import WorkerValue
from fanout_pipeline.engine.model.errors import ItemFailed, SetupFailed
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.signals import interruptible_get
from fanout_pipeline.engine.system.surroundings import copied_context
from fanout_pipeline.engine.timing.timeline import WorkerTimeline

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.rate import Limiter


class Arrived:
    """Says that more of the input has arrived, or that what should arrive has failed."""


class InFlight:
    """One run's calls, at most `concurrency` at a time."""

    def __init__(
        self,
        work: Work,
        loop: asyncio.AbstractEventLoop,
        concurrency: int,
        timeline: WorkerTimeline,
        value: WorkerValue | None = None,
    ) -> None:
        """`value` is what the function is given beside each item, if it is given something."""
        self._work = work
        limit = work.failures.item_timeout_seconds
        function = work.function if limit is None else Limited(work.function, limit)
        # Around the limit: to make a value anew is no part of a call.
        self._function = function if value is None else value.function(function)
        self._value = value
        self._limiter: Limiter | None = None
        if work.limits is not None:
            from fanout_pipeline.engine.calls.rate import limiter_of

            self._limiter = limiter_of(work.limits)
        self.is_spent = False
        """Whether a budget allows no further call."""
        self._loop = loop
        self._concurrency = concurrency
        self._timeline = timeline
        self._added: asyncio.Queue[Calls | None] = asyncio.Queue()
        self._complete: SimpleQueue[Calls | Arrived | None] = SimpleQueue()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._open = 0
        self._lap = self._lap_cpu = 0.0

    # Called in the thread that reads and writes.

    def ready(self) -> None:
        """Make the value that calls are given, unless there is one. Raises SetupFailed. Before the first chunk is added."""
        if self._value is not None and not self._value.is_made:
            began = time.perf_counter()
            self._value.ready()
            self._timeline.until(began, "read")
            self._timeline.until(time.perf_counter(), "start")

    def add(self, calls: Calls | None) -> None:
        """Add one more chunk, in order; None says that there is no further one."""
        self._loop.call_soon_threadsafe(self._added.put_nowait, calls)

    def next_complete(self) -> Calls | Arrived | None:
        """Wait for a chunk all of whose calls have ended; None once `run` has ended, well or not."""
        return interruptible_get(self._complete)

    def arrived(self) -> None:
        """More of the input has arrived; from any thread."""
        self._complete.put(Arrived())

    def end(self, _: object = None) -> None:
        """Say that `run` has ended."""
        self._complete.put(None)

    def stop(self) -> None:
        """Begin no further call, and cancel those in flight."""
        self._stopped = True
        self._loop.call_soon_threadsafe(self._cancel)

    # Called in the event loop.

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Await the function for every item of every chunk added.

        Raises ItemFailed of the first item, by index, of those that failed before the others were
        cancelled.
        """
        self._task = asyncio.current_task()
        if self._stopped:
            return
        try:
            async with asyncio.TaskGroup() as group:
                await self._share_out(group)
        except BaseExceptionGroup as failed:
            errors = failed.exceptions
        else:
            return
        raise min(errors, key=_index_of)

    async def _share_out(self, group: asyncio.TaskGroup) -> None:
        last: Calls | None = None
        items = tasks = 0
        while (calls := await self._added.get()) is not None:
            self._begin()
            if not calls.left:
                self._end(calls)
            if last is not None:
                last.follow(calls)
            last = calls
            items += calls.left
            while tasks < min(self._concurrency, items):
                group.create_task(self._pull(calls), context=copied_context())
                tasks += 1
        if last is not None:
            last.follow(None)

    async def _pull(self, calls: Calls | None) -> None:
        function = self._function
        while calls is not None:
            results = calls.results
            for position, item in calls.pulled:
                # Calls that never wait keep the loop from cancelling their task.
                if self._stopped or (self._limiter is not None and not await self._may_call()):
                    return
                try:
                    results[position] = await function(item)
                except BaseException as error:  # Never an interrupt: see `event_loop`.
                    self._require_setup(error)
                    if self._given_up() or not await self._recovered(calls, position, error):
                        return
                calls.left -= 1
                if not calls.left:
                    self._end(calls)
            await calls.next_known.wait()
            calls = calls.next

    async def _may_call(self) -> bool:
        """Wait until a call may be made; False where a budget is spent."""
        limiter, again = self._limiter, False
        while limiter is not None and (again or not self.is_spent):
            at = limiter.reserve(again=again)
            if at is None:
                self.is_spent = True
                self._added.put_nowait(None)  # Whatever is added is not begun.
            elif (left := limiter.seconds_to(at)) <= 0:
                return True
            else:
                await asyncio.sleep(left)
                if not limiter.is_held():
                    return True
                again = True
        return limiter is None

    def _given_up(self) -> bool:
        """Whether we have cancelled the call: what it raises then says nothing about its item."""
        task = asyncio.current_task()
        return self._stopped and task is not None and task.cancelling() > 0

    async def _recovered(self, calls: Calls, position: int, error: BaseException) -> bool:
        """Retry a failed item as the policy says, and put it into quarantine if that fails.

        False if the run was stopped meanwhile, or a budget is spent. Raises ItemFailed where a failed item ends the run.
        """
        from fanout_pipeline.engine.calls.retry import Tries
        from fanout_pipeline.engine.calls.withheld import failure_of

        policy, item = self._work.failures, calls.items[position]
        tries = Tries(policy, _raised(error), self._limiter)
        while (seconds := tries.wait_seconds()) is not None:
            try:
                await asyncio.sleep(seconds)
                if not await self._may_call():
                    return False
                calls.retried += 1
                calls.results[position] = await self._function(item)
            except BaseException as another:
                self._require_setup(another)
                if self._given_up():
                    return False
                tries.failed(_raised(another))
            else:
                return True
        failure = failure_of(tries.error, item, tries.made, policy)
        if not policy.quarantines:
            self._stopped = True
            source = self._work.source
            raise ItemFailed.of(failure.at(calls.first_index + position, source), source) from None
        calls.failed[position], calls.results[position] = failure, None
        return True

    def _require_setup(self, error: BaseException) -> None:
        """Raise it again if there is no value to call with: that ends the run."""
        if isinstance(error, SetupFailed):
            self._stopped = True
            raise error

    def _begin(self) -> None:
        if not self._open:
            # While there was nothing to call, the loop waited for a chunk to be read.
            self._lap, self._lap_cpu = time.perf_counter(), time.thread_time()
            self._timeline.until(self._lap, "read")
        self._open += 1

    def _end(self, calls: Calls) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        calls.call_seconds, self._lap = now - self._lap, now
        calls.call_cpu_seconds, self._lap_cpu = cpu - self._lap_cpu, cpu
        self._timeline.until(now, "call")
        self._open -= 1
        self._complete.put(calls)


def _raised(error: BaseException) -> BaseException:
    """What a call has raised, as an error of its item; the task goes on."""
    if not isinstance(error, asyncio.CancelledError):
        return error
    task = asyncio.current_task()
    while task is not None and task.cancelling():  # by the function
        task.uncancel()
    return nobody_cancelled(error)


def _index_of(error: BaseException) -> float:
    return error.failure.index if isinstance(error, ItemFailed) else float("inf")
