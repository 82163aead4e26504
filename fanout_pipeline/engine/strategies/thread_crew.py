"""A crew of threads of this process, which take chunks from one plan.

plan --chunk--> thread: process_chunk --rest-----> plan
                                      --outcome--> parts, and finished --> the calling thread: progress
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from queue import SimpleQueue

from fanout_pipeline.engine.calls.invoke import awaited_aside, is_async
from fanout_pipeline.engine.calls.outcome import Control, Outcome, ProcessChunk
from fanout_pipeline.engine.calls.setup import given
from fanout_pipeline.engine.model.errors import Spent, Stopped
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import interruptible_get
from fanout_pipeline.engine.system.surroundings import in_copied_context
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.sources.source import Chunk

_PATIENCE_SECONDS = 0.5
"""Time for threads to notice by themselves, between two items, that they are to stop."""
Around = Callable[[], AbstractContextManager[ProcessChunk]]
"""What a thread enters before its first chunk, and leaves after its last: it gives the way to do chunks."""
_Finished = SimpleQueue["tuple[Chunk, Outcome, int] | BaseException | None"]
"""Chunks that threads have done, with the thread's number; the error of one, and None, of each that ends."""


class ThreadCrew(Crew):
    """See `strategy.Crew`."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        workers: int,
        process: ProcessChunk,
        first_share: float | None,
    ):
        """`first_share`: None unless `process` calls the batch function."""
        self._pool = pool
        self._workers = workers
        self._process = process
        self._first_share = first_share

    def run(self, work: Work, progress: Progress) -> Ran:
        batch = self._first_share is not None
        function = work.batch_function if batch and work.batch_function else work.function
        # A thread has a value of its own, an event loop one for all.
        process: Around = partial(given, work, self._process, function)
        with awaited_aside(function), ExitStack() as stack:
            if is_async(function):
                shared = stack.enter_context(process())
                process = lambda: nullcontext(shared)  # noqa: E731
            return self._ran(work, progress, process)

    def _ran(self, work: Work, progress: Progress, process: Around) -> Ran:
        began = time.perf_counter()
        share = self._first_share
        first = None if share is None else round(share * work.source.CHUNK_SIZE)
        plan = ChunkPlan.of(work, self._workers, first=first, in_turn=True)
        shared = _SharedPlan(plan)
        parts = part_collector(work)
        progress.begin(plan.expected_size)
        finished: _Finished = SimpleQueue()
        if work.arrivals is not None:
            work.arrivals.listen(shared.wake)
        timelines: dict[int, WorkerTimeline] = {}
        futures = [
            self._pool.submit(
                in_copied_context(_serve), number, work, process, shared, parts, finished
            )
            for number in range(self._workers)
        ]
        try:
            serving = len(futures)
            while serving:
                match interruptible_get(finished):
                    case None:
                        serving -= 1
                    case (chunk, outcome, thread):
                        timeline = timelines.setdefault(thread, WorkerTimeline(began))
                        timeline.add_chunk(outcome.part, outcome.import_seconds, outcome.ended)
                        progress.done(outcome.part.items, outcome.size(chunk))
                    case BaseException() as error:
                        raise error
        finally:
            # Nothing to stop unless the loop was left by an exception or an interrupt.
            shared.stop()
            while wait(futures, _PATIENCE_SECONDS).not_done:
                shared.interrupt_calls()
        ended = time.perf_counter()
        for number in range(self._workers):
            timelines.setdefault(number, WorkerTimeline(began)).until(ended, "wait")
        return Ran(parts.in_order(), tuple(timelines.values()))

    def usage(self) -> list[ProcessUsage]:
        return []


def _serve(
    number: int,
    work: Work,
    process_given: Around,
    shared: _SharedPlan,
    parts: PartCollector,
    finished: _Finished,
) -> None:
    """What a thread does with all that it can take of the plan."""
    try:
        with process_given() as process:
            try:
                while (turn := shared.take()) is not None:
                    chunk, seconds = turn
                    outcome = process(work, chunk, Control(seconds, shared.is_stopped))
                    # By this thread, before it begins another chunk: the calling thread gets the
                    # GIL so seldom that it would record parts long after they are written.
                    parts.add(*outcome.range(chunk), outcome.part)
                    outcome.raise_error()
                    shared.done(chunk, outcome)
                    finished.put((chunk, outcome, number))
            except Spent:
                shared.cut_off(chunk)
            except Stopped:
                pass
            except BaseException as error:  # Whatever it is, others wait for this thread's chunk.
                finished.put(error)
            finally:
                shared.left()
    except BaseException as error:
        finished.put(error)
    finally:
        finished.put(None)


class _SharedPlan:
    """A chunk plan for several threads."""

    def __init__(self, plan: ChunkPlan):
        self._plan = plan
        self._calling: set[int] = set()
        """Ids of the threads that have a chunk."""
        self._stopped = False
        self._changed = threading.Condition()

    def take(self) -> tuple[Chunk, float] | None:
        """The next chunk and its seconds, waiting for what is left of others or still to arrive. None if there is no more."""
        with self._changed:
            while not self._stopped:
                chunk = self._plan.take()
                if chunk is not None:
                    self._calling.add(threading.get_ident())
                    return chunk, self._plan.seconds(chunk)
                if not self._calling and not self._plan.awaits:
                    break
                self._changed.wait()
            return None

    def done(self, chunk: Chunk, outcome: Outcome) -> None:
        with self._changed:
            self._calling.remove(threading.get_ident())
            self._plan.done(chunk, busy_seconds(outcome.part), outcome.rest)
            self._changed.notify_all()

    def cut_off(self, chunk: Chunk) -> None:
        """A budget is spent: nothing was done of this thread's chunk, and nothing more is given out."""
        with self._changed:
            self._calling.discard(threading.get_ident())
            self._plan.cut_off(chunk)
            self._changed.notify_all()

    def left(self) -> None:
        """This thread takes no more: nothing came of its chunk, if it has one, and nobody interrupts it any more."""
        while True:
            with suppress(Stopped), self._changed:
                self._calling.discard(threading.get_ident())
                return

    def wake(self) -> None:
        """Something has arrived, or nothing more will."""
        with self._changed:
            self._changed.notify_all()

    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """Wake what waits, and stop what asks `is_stopped`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def interrupt_calls(self) -> None:
        """Raise Stopped in calls that are in progress, which ends them if they run Python and let it happen."""
        with self._changed:
            for thread in self._calling:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(Stopped)
                )


@contextmanager
def thread_crew(
    workers: int, process: ProcessChunk, first_share: float | None = None
) -> Iterator[ThreadCrew]:
    """Threads that do chunks with `process`; they are gone at the end.

    `first_share`: how large the first chunks are, of the largest that the source allows.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="fanout") as pool:
        yield ThreadCrew(pool, workers, process, first_share)
