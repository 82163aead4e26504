"""Chunks over the threads of this process.

The GIL lets one thread at a time run Python code: threads pay for functions that wait or release
it, not for those that compute in Python.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from fanout_pipeline.fanout.chunk_work import run_chunk
from fanout_pipeline.fanout.contract import Options, Strategy, Work
from fanout_pipeline.fanout.numbering import Stopped, ThreadNumbering
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage
from fanout_pipeline.parts.manifest import PartRecord


class _Threads:
    def __init__(self, pool: ThreadPoolExecutor):
        self._pool = pool

    def run(self, work: Work, progress: Progress) -> list[PartRecord]:
        progress.begin(len(work.chunks))
        numbering = ThreadNumbering()
        stop = threading.Event()
        # The pool begins tasks in the order of submission, as ThreadNumbering needs.
        futures = [
            self._pool.submit(run_chunk, work, chunk, numbering, stop.is_set)
            for chunk in work.chunks
        ]
        try:
            for future in as_completed(futures):
                if not isinstance(future.exception(), Stopped):
                    progress.chunk_done(future.result().items)
        finally:
            # Nothing to stop unless the loop was left by an exception or an interrupt.
            stop.set()
            numbering.stop()
            for future in futures:
                future.cancel()
        return [future.result() for future in futures]

    def usage(self) -> list[ProcessUsage]:
        return []


@contextmanager
def start(options: Options) -> Iterator[_Threads]:
    with ThreadPoolExecutor(options.workers, thread_name_prefix="fanout") as pool:
        yield _Threads(pool)


STRATEGY = Strategy(
    name="threads",
    description="Spreads the chunks over threads of the step's own process. Pays for functions "
    "that wait or release the GIL.",
    start=start,
)
