"""The article's program: items one at a time through a queue, one list of results a worker.

    parent --(task)--> inputs --> worker: until 'STOP': function(item) --> outputs --> parent
           --'STOP' a worker-->                        one list at the end

Used by `queue` and `indexed_queue`, which differ in what a task is. Mended: a worker that raises or
dies ends the run instead of leaving the parent to wait for ever; the queue of inputs is bounded,
so that the parent stays close to its workers and does not hold every item pickled; and the
workers can be given another run after 'STOP', as every crew can.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, queues
from typing import Any, Self

from fanout_pipeline.fanout.contract import Options, Work, WorkerDied
from fanout_pipeline.fanout.interrupts import HeldInterrupts, interrupts_held
from fanout_pipeline.fanout.item_queue_worker import STOP, Answer, Serve, Task, serve_runs
from fanout_pipeline.fanout.joined import Joined
from fanout_pipeline.fanout.multiprocessing_workers import ItemReader
from fanout_pipeline.fanout.pickling import SAMPLE_EVERY
from fanout_pipeline.fanout.usage import ProcessUsage, usage_of

_WAITING_TASKS = 1000
_LOOK_EVERY = 256
_PATIENCE_SECONDS = 0.5


class _Inputs(queues.Queue):  # type: ignore[type-arg]
    """A queue that can be given up while tasks are in it and no worker is left to take them."""

    def __init__(self, context: Any):
        super().__init__(_WAITING_TASKS, ctx=context)
        # The feeder thread then ends at the broken pipe instead of printing an error for each
        # task left (as concurrent.futures does, see CPython gh-94777).
        self._ignore_epipe = True

    def abandon(self) -> None:
        self._reader.close()  # type: ignore[attr-defined]  # typeshed leaves it out
        self.close()
        self.join_thread()


class ItemQueue:
    """A crew's workers, which take tasks from one queue."""

    def __init__(self, options: Options):
        context: Any = get_context(options.start_method)
        self._inputs = _Inputs(context)
        self._outputs = context.Queue()
        self._context = context
        self._processes: list[Any] = []
        self._controls: list[Any] = []

    def _start(self, workers: int) -> None:
        for _ in range(workers):
            with interrupts_held():
                ours, theirs = self._context.Pipe()
                process = self._context.Process(
                    target=serve_runs, args=(theirs, self._inputs, self._outputs), daemon=True
                )
                process.start()
                self._processes.append(process)
                self._controls.append(ours)
                theirs.close()
        for process, control in zip(self._processes, self._controls, strict=True):
            try:
                control.recv()
            except EOFError:
                process.join()
                self._look_for_dead()

    @classmethod
    @contextmanager
    def started(cls, options: Options) -> Iterator[Self]:
        """Workers that have answered; gone at the end, with their queues and threads."""
        crew = cls(options)
        orderly = False
        try:
            crew._start(options.workers)
            yield crew
            orderly = True
        finally:
            with interrupts_held():
                crew._close(orderly)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(process.pid for process in self._processes)

    def results(
        self,
        serve: Serve,
        work: Work,
        reader: ItemReader,
        tasks: Iterable[Task],
    ) -> Joined:
        """Feed every task and a 'STOP' for each worker, then join the workers' lists as they come.

        The tasks are made of what `reader` reads.
        """
        joined = Joined(reader)
        # Interrupts are let through between operations of the queues, never inside of one.
        with interrupts_held() as interrupts:
            for control in self._controls:
                with suppress(BrokenPipeError):  # its worker is dead, as will be said below
                    control.send((serve, work.function, work.failures))
            self._look_for_dead()
            for number, task in enumerate(tasks):
                self._put(task, interrupts)
                if number % SAMPLE_EVERY == 0:
                    joined.sample.take(task)
                if number % _LOOK_EVERY == 0 and not self._outputs.empty():
                    self._take(interrupts)
            for _ in self._processes:
                self._put(STOP, interrupts)
            for _ in self._processes:
                joined.add(self._take(interrupts))
        return joined

    def _put(self, task: Task | str, interrupts: HeldInterrupts) -> None:
        while True:
            interrupts.let_through()
            try:
                return self._inputs.put(task, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                self._look_for_dead()
                if not self._outputs.empty():
                    self._take(interrupts)

    def _take(self, interrupts: HeldInterrupts) -> Answer:
        while True:
            interrupts.let_through()
            try:
                answer = self._outputs.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                self._look_for_dead()
                continue
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, Answer)
            return answer

    def _look_for_dead(self) -> None:
        for process in self._processes:
            if process.exitcode is not None:
                raise WorkerDied(
                    f"Worker process {process.pid} ended with exit code {process.exitcode} before "
                    "its work did. Nothing was made visible; earlier results are as they were."
                )

    def _close(self, orderly: bool) -> None:
        if not orderly:
            for process in self._processes:
                process.kill()
        for process, control in zip(self._processes, self._controls, strict=True):
            control.close()
            process.join()
            process.close()
        self._inputs.abandon()
        self._outputs.close()
        self._outputs.join_thread()
