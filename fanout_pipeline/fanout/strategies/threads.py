"""Chunks over the threads of this process.

The GIL lets one thread at a time run Python code: threads pay for functions that wait or release
it, not for those that compute in Python.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from fanout_pipeline.fanout.chunk_work import Laps, run_chunk
from fanout_pipeline.fanout.contract import Options, Ran, Strategy, Work
from fanout_pipeline.fanout.lanes import Lane, seconds_of
from fanout_pipeline.fanout.numbering import Numbering, Stopped, ThreadNumbering
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk


@dataclass(frozen=True, slots=True)
class _Done:
    """A chunk's part, and which thread made it when."""

    part: PartRecord
    thread: int
    began: float
    ended: float


class _Threads:
    def __init__(self, pool: ThreadPoolExecutor, workers: int):
        self._pool = pool
        self._workers = workers

    def run(self, work: Work, progress: Progress) -> Ran:
        began = time.perf_counter()
        progress.begin(len(work.chunks))
        numbering = ThreadNumbering()
        stop = threading.Event()
        # The pool begins tasks in the order of submission, as ThreadNumbering needs.
        futures = [
            self._pool.submit(_timed, work, chunk, numbering, stop.is_set) for chunk in work.chunks
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


@contextmanager
def start(options: Options) -> Iterator[_Threads]:
    with ThreadPoolExecutor(options.workers, thread_name_prefix="fanout") as pool:
        yield _Threads(pool, options.workers)


def _timed(work: Work, chunk: Chunk, numbering: Numbering, stopped: Callable[[], bool]) -> _Done:
    laps = Laps()
    part = run_chunk(work, chunk, numbering, stopped, laps)
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


STRATEGY = Strategy(
    name="threads",
    description="Spreads the chunks over threads of the step's own process. Pays for functions "
    "that wait or release the GIL.",
    start=start,
)
