"""Chunks over threads of this process: the crew of `threads` and of `vectorized`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from fanout_pipeline.fanout.chunk_work import Laps
from fanout_pipeline.fanout.contract import Ran, Work
from fanout_pipeline.fanout.lanes import Lane, seconds_of
from fanout_pipeline.fanout.numbering import Numbering, Stopped, ThreadNumbering
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

RunChunk = Callable[[Work, Chunk, Numbering, Callable[[], bool], Laps], PartRecord]


@dataclass(frozen=True, slots=True)
class _Done:
    """A chunk's part, and which thread made it when."""

    part: PartRecord
    thread: int
    began: float
    ended: float


class ThreadCrew:
    """Runs each chunk with `run_chunk` in one of so many threads."""

    def __init__(self, pool: ThreadPoolExecutor, workers: int, run_chunk: RunChunk):
        self._pool = pool
        self._workers = workers
        self._run_chunk = run_chunk

    @classmethod
    @contextmanager
    def started(cls, workers: int, run_chunk: RunChunk) -> Iterator[Self]:
        with ThreadPoolExecutor(workers, thread_name_prefix="fanout") as pool:
            yield cls(pool, workers, run_chunk)

    def run(self, work: Work, progress: Progress) -> Ran:
        began = time.perf_counter()
        progress.begin(len(work.chunks))
        numbering = ThreadNumbering()
        stop = threading.Event()
        # The pool begins tasks in the order of submission, as ThreadNumbering needs.
        futures = [
            self._pool.submit(self._timed, work, chunk, numbering, stop.is_set)
            for chunk in work.chunks
        ]
        try:
            for future in as_completed(futures):
                if not isinstance(future.exception(), Stopped):
                    progress.chunk_done(future.result().part.items)
        finally:
            # Nothing to stop unless the loop was left by an exception or an interrupt.
            stop.set()
            numbering.stop()
            for future in futures:
                future.cancel()
        done = [future.result() for future in futures]
        lanes = _lanes(done, self._workers, began, time.perf_counter())
        return Ran([chunk.part for chunk in done], lanes)

    def usage(self) -> list[ProcessUsage]:
        return []

    def _timed(
        self, work: Work, chunk: Chunk, numbering: Numbering, stopped: Callable[[], bool]
    ) -> _Done:
        laps = Laps()
        part = self._run_chunk(work, chunk, numbering, stopped, laps)
        return _Done(part, threading.get_ident(), laps.began, laps.ended)


def _lanes(done: Sequence[_Done], workers: int, began: float, ended: float) -> tuple[Lane, ...]:
    # The pool starts a thread only when it has a task and no idle thread: the others wait, too.
    threads = {chunk.thread: Lane(began) for chunk in done}
    for chunk in sorted(done, key=lambda chunk: chunk.began):
        threads[chunk.thread].until(chunk.began, "wait")
        threads[chunk.thread].told(seconds_of(chunk.part), chunk.ended)
    lanes = [*threads.values(), *(Lane(began) for _ in range(workers - len(threads)))]
    for lane in lanes:
        lane.until(ended, "wait")
    return tuple(lanes)
