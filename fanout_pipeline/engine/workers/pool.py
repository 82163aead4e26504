"""A crew of our own worker processes: started, kept warm from run to run, stopped.

    parent                                        worker (see `worker`)
    Popen(a fresh interpreter) ----------------->  forks (see `guard`), imports `worker` only
               <---------------------- ("ready", pid)
                                                   imports what reads and calls
    Work, once ---------------------------------->
    Order: a chunk, how long it may take --------> read, call, and write if the Order says so
               <---------------------- Piece with its times, or an exception
    None ----------------------------------------> ends

A fresh interpreter is what multiprocessing calls "spawn", without its import of the parent's
`__main__`, which under Dagster is the dagster command and costs a second. It is safe in a process
with threads, which fork is not. What happens in between is told in `supervised_run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.strategy import Crew, Ran, Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import READY
from fanout_pipeline.engine.workers.run import SupervisedRun

_STARTS = 3
"""So many in a row are tried in each place."""


class WorkerProcesses(Crew):
    """A crew of worker processes that have all answered. See `contract.Crew`."""

    def __init__(self, memory_mb: int | None = None):
        """`memory_mb`: how much memory each may have, in MB of 2**20 bytes; None: no limit."""
        self._memory_mb = memory_mb
        self._workers: list[WorkerProcess] = []
        self._settled = False
        self._former: list[WorkerProcess] = []
        """Those that have died or were replaced."""

    def usage(self) -> list[ProcessUsage]:
        return [used for worker in self._former + self._workers for used in worker.usage()]

    def run(self, work: Work, progress: Progress) -> Ran:
        self._close_ended()
        hand_back = not self._settled
        run = SupervisedRun(
            self._workers, self._replace, work, progress, self._memory_mb, hand_back
        )
        return run.ran()

    def settle(self) -> None:
        """Have all workers import what writes parts."""
        self._settled = True
        self._close_ended()
        for worker in self._workers:
            if not worker.gone:
                worker.send("settle")
        for slot, worker in enumerate(self._workers):
            if not worker.gone:
                self._await_answer(slot)

    def _close_ended(self) -> None:
        """Others take the places of workers that have ended meanwhile, when they are needed."""
        for worker in self._workers:
            if not worker.gone and worker.has_ended():
                worker.close()

    def start(self, count: int) -> None:
        """Start so many, each of which has answered. Raises WorkerDied where one does not."""
        for _ in range(count):
            with interrupts_held():
                self._workers.append(WorkerProcess.start())
        for slot in range(count):
            self._await_answer(slot)

    def _await_answer(self, slot: int) -> None:
        """Another starts where one dies, as it may have been killed by chance."""
        for start in range(_STARTS):
            if start:
                self._replace(slot)
            worker = self._workers[slot]
            try:
                while worker.receive()[0] != READY:
                    pass  # It may be something logged, by a thread that the function has left.
                return
            except EOFError:
                how = worker.ended()
            worker.close()
        raise WorkerDied(
            f"{_STARTS} worker processes ended before they had answered. The last one, {worker.pid}, "
            f"{how}. Nothing was made visible; earlier results are as they were."
        )

    def stop(self) -> None:
        """Let all finish what they do."""
        # One that has ended by itself, or does not end, does no harm any more.
        for worker in self._workers:
            if not worker.gone:
                worker.finish()
        for worker in self._workers:
            worker.wait()

    def kill(self) -> None:
        """None of the processes is there any more at the end."""
        with interrupts_held():
            workers = self._former + self._workers
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.wait()
                worker.close()

    def _replace(self, slot: int) -> None:
        """Start another worker in the place of one that is gone; it answers by and by."""
        with interrupts_held():
            another = WorkerProcess.start()
            self._former.append(self._workers[slot])
            self._workers[slot] = another


@contextmanager
def worker_processes(count: int, memory_mb: int | None = None) -> Iterator[WorkerProcesses]:
    """Start `count` workers, each of which has answered; stop them at the end.

    An orderly end lets them finish; an exception kills them. Enter, use and leave the block in one
    thread: on Linux its end is the workers' end (see `worker`).
    """
    crew = WorkerProcesses(memory_mb)
    try:
        crew.start(count)
        yield crew
        crew.stop()
    finally:
        crew.kill()
