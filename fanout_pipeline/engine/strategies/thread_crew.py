"""A crew of threads of this process, which take chunks from one plan.

plan --chunk--> thread: run_piece --rest--> plan
                       --piece----> parts, and finished --> the calling thread: progress
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from fanout_pipeline.engine.calls.invoke import awaited_aside
from fanout_pipeline.engine.calls.outcome import Outcome, RunPiece
from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.model.strategy import Crew, Ran, Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import numbered
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import taken
from fanout_pipeline.engine.system.surroundings import in_copied_context
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds, seconds_of
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

_PATIENCE_SECONDS = 0.5
"""For threads to see for themselves that they are to stop, between two items."""


@dataclass(frozen=True, slots=True)
class _Done:
    """A piece of a chunk, and which thread made it when."""

    chunk: Chunk
    piece: Outcome[PartRecord]
    thread: int
    began: float
    ended: float


class ThreadCrew(Crew):
    """See `contract.Crew`."""

    def __init__(
        self, pool: ThreadPoolExecutor, workers: int, run_piece: RunPiece, first: int | None
    ):
        self._pool = pool
        self._workers = workers
        self._run_piece = run_piece
        self._first = first

    def run(self, work: Work, progress: Progress) -> Ran:
        with awaited_aside(work.function):
            return self._ran(work, progress)

    def _ran(self, work: Work, progress: Progress) -> Ran:
        began = time.perf_counter()
        plan = ChunkPlan(
            work.chunks,
            self._workers,
            work.fixed,
            first=self._first,
            given=work.first_number,
            in_turn=True,
        )
        shared = _SharedPlan(plan)
        parts = numbered(work)
        progress.begin(shared.size)
        finished: SimpleQueue[_Done | BaseException | None] = SimpleQueue()
        timelines: dict[int, WorkerTimeline] = {}
        futures = [
            self._pool.submit(in_copied_context(self._serve), number, work, shared, parts, finished)
            for number in range(self._workers)
        ]
        try:
            serving = len(futures)
            while serving:
                match taken(finished):
                    case None:
                        serving -= 1
                    case _Done() as done:
                        part = done.piece.part
                        timeline = timelines.setdefault(done.thread, WorkerTimeline(began))
                        timeline.until(done.began, "wait")
                        timeline.add(seconds_of(part), done.ended)
                        progress.done(part.items, done.piece.size(done.chunk))
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
        self,
        number: int,
        work: Work,
        shared: _SharedPlan,
        parts: PartCollector,
        finished: SimpleQueue[_Done | BaseException | None],
    ) -> None:
        try:
            while (turn := shared.take()) is not None:
                chunk, seconds = turn
                stopwatch = Stopwatch()
                try:
                    piece = self._run_piece(
                        work,
                        chunk,
                        seconds=seconds,
                        stopped=shared.is_stopped,
                        stopwatch=stopwatch,
                    )
                    # By this thread, before it begins another chunk: the calling thread gets the
                    # GIL so seldom that it would tell of parts long after they are written.
                    parts.add(*piece.range(chunk), piece.part)
                except BaseException:
                    shared.failed()
                    raise
                shared.done(chunk, piece)
                finished.put(_Done(chunk, piece, number, stopwatch.began, stopwatch.ended))
        except Stopped:
            pass
        except BaseException as error:  # Whatever it is, others wait for this thread's chunk.
            finished.put(error)
        finally:
            finished.put(None)


class _SharedPlan:
    """A chunk plan for several threads."""

    def __init__(self, plan: ChunkPlan):
        self.size = plan.size
        self._plan = plan
        self._calling: set[int] = set()
        """Threads that have a chunk."""
        self._stopped = False
        self._changed = threading.Condition()

    def take(self) -> tuple[Chunk, float] | None:
        """The next chunk and its seconds; waits for the rest of those begun. None: there is no more."""
        with self._changed:
            while not self._stopped:
                chunk = self._plan.take()
                if chunk is not None:
                    self._calling.add(threading.get_ident())
                    return chunk, self._plan.seconds(chunk)
                if not self._calling:
                    break
                self._changed.wait()
            return None

    def done(self, chunk: Chunk, piece: Outcome[PartRecord]) -> None:
        with self._changed:
            self._calling.remove(threading.get_ident())
            self._plan.done(chunk, busy_seconds(piece.part), piece.rest)
            self._changed.notify_all()

    def failed(self) -> None:
        """This thread's chunk has no piece."""
        with self._changed:
            self._calling.remove(threading.get_ident())

    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """End what waits, and what looks at `is_stopped`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def interrupt_calls(self) -> None:
        """End calls of the function that take long, as far as they run Python and let it happen."""
        with self._changed:
            for thread in self._calling:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(Stopped)
                )


@contextmanager
def thread_crew(
    workers: int, run_piece: RunPiece, first: int | None = None
) -> Iterator[ThreadCrew]:
    """Threads that run chunks with `run_piece`; they are gone at the end. `first`: see ChunkPlan."""
    with ThreadPoolExecutor(workers, thread_name_prefix="fanout") as pool:
        yield ThreadCrew(pool, workers, run_piece, first)
