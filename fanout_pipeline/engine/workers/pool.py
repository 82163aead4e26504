"""A pool of our own worker processes: started, kept warm from run to run, stopped.

    parent                                        worker (see `main`)
    Popen(a fresh interpreter) ----------------->  forks (see `guard`), imports `main` only
               <---------------------- ("ready", process id)
                                                   imports what reads and calls
    Work, once a run ---------------------------->
    Order: a chunk, how long it may take --------> reads, calls, and writes the part
               <---------------------- Outcome with its times, or an exception
    None ----------------------------------------> ends

A fresh interpreter is what multiprocessing calls "spawn", without its import of the parent's
`__main__`, which under Dagster is the dagster command and costs a second. It is safe in a process
with threads, which fork is not. `run` has what happens in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import READY, WARM_UP
from fanout_pipeline.engine.workers.run import SupervisedRun
from fanout_pipeline.engine.workers.worker import Workers
from fanout_pipeline.results.store.collector import PartCollector

_STARTS = 3
"""How many processes in a row are tried for each worker."""


class WorkerPool(Crew):
    """A crew of worker processes, all of which have answered. See `Crew`."""

    def __init__(self, memory_mb: int | None = None):
        """`memory_mb`: how much memory each may use, in MiB; None: no limit."""
        self._memory_mb = memory_mb
        self._workers = Workers(WorkerProcess.start)

    @property
    def size(self) -> int:
        """How many there are now."""
        return len(self._workers)

    def usage(self) -> list[ProcessUsage]:
        return [used for worker in self._workers.ever for used in worker.usage()]

    def run(
        self,
        work: Work,
        progress: Progress,
        plan: SharedPlan | None = None,
        growth: Growth | None = None,
        parts: PartCollector | None = None,
    ) -> Ran:
        """See `Crew.run`. `growth`: how many workers there are to be. `plan` and `parts`: those of others, too."""
        self._close_ended()
        how = self._memory_mb, plan, growth, parts
        return SupervisedRun(self._workers, work, progress, *how).ran()

    def warm_up(self) -> None:
        self._close_ended()
        for worker in self._workers:
            if not worker.closed:
                worker.send(WARM_UP)
        for slot, worker in enumerate(self._workers):
            if not worker.closed:
                self._await_answer(slot)

    def _close_ended(self) -> None:
        """Close workers that have ended since; others take their places when they are needed."""
        for worker in self._workers:
            if not worker.closed and worker.has_ended():
                worker.close()

    def start(self, count: int) -> None:
        """Start so many, each of which has answered. Raises WorkerDied where one does not."""
        for _ in range(count):
            self._workers.add()
        for slot in range(count):
            self._await_answer(slot)

    def _await_answer(self, slot: int) -> None:
        """Wait for a worker's answer. Where it dies, start another: it may have been killed by chance."""
        for start in range(_STARTS):
            if start:
                self._workers.replace(slot)
            worker = self._workers[slot]
            try:
                while worker.receive()[0] != READY:
                    pass  # A thread that the function has left may have logged something.
                return
            except EOFError:
                how = worker.ended()
            worker.close()
        raise WorkerDied(
            f"{_STARTS} worker processes ended before they answered. The last one, {worker.pid}, "
            f"{how}. Nothing was committed; earlier results are unchanged."
        )

    def stop(self) -> None:
        """Let all finish what they do."""
        # One that has ended by itself, or does not end, does no harm any more.
        for worker in self._workers:
            if not worker.closed:
                worker.finish()
        for worker in self._workers:
            worker.wait()

    def kill(self) -> None:
        """End all processes, and wait until none is left."""
        with interrupts_held():
            for worker in self._workers.ever:
                worker.kill()
            for worker in self._workers.ever:
                worker.wait()
                worker.close()


@contextmanager
def worker_processes(count: int, memory_mb: int | None = None) -> Iterator[WorkerPool]:
    """Start `count` workers, each of which has answered; stop them at the end.

    An orderly end lets them finish; an exception kills them. Enter, use and leave the block in one
    thread: on Linux its end is the workers' end (see `guard`).
    """
    pool = WorkerPool(memory_mb)
    try:
        pool.start(count)
        yield pool
        pool.stop()
    finally:
        pool.kill()
