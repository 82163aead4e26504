"""The article's program: items one at a time through a queue, one list of results a worker.

    parent --(task)--> inputs --> worker: until 'STOP': function(item) --> its pipe --> parent
           --'STOP' a worker-->                       one list at the end

Used by `queue` and `indexed_queue`, which differ in what a task is. Mended: a worker that raises or
dies ends the run instead of leaving the parent to wait for ever, for which each has a pipe of its own
for its list (whoever dies while it puts into a shared queue leaves the queue locked); the queue of
inputs is bounded, so that the parent stays close to its workers and does not hold every item
pickled; and the workers can be given another run after 'STOP', as every crew can.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, queues
from multiprocessing.connection import wait
from typing import Any, Self

from fanout_pipeline.engine.baselines.item_queue_worker import STOP, Serve, Task, serve_runs
from fanout_pipeline.engine.baselines.multiprocessing_workers import (
    ItemReader,
    not_started,
    starting,
)
from fanout_pipeline.engine.baselines.pickling import IN_A_ROW, SAMPLE_EVERY
from fanout_pipeline.engine.baselines.queue_results import QueueResults
from fanout_pipeline.engine.baselines.semaphores import name_semaphores
from fanout_pipeline.engine.functions.serialize import sent
from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, HeldInterrupts, interrupts_held
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of

_WAITING_TASKS = 1000
_LOOK_EVERY = 256


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
        name_semaphores()
        context: Any = get_context(options.start_method)
        self._inputs = _Inputs(context)
        self._context = context
        self._processes: list[Any] = []
        self._controls: list[Any] = []

    def _start(self, workers: int) -> None:
        for _ in range(workers):
            with interrupts_held():
                ours, theirs = self._context.Pipe()
                process = self._context.Process(
                    target=serve_runs, args=(theirs, self._inputs), daemon=True
                )
                with starting():
                    process.start()
                self._processes.append(process)
                self._controls.append(ours)
                theirs.close()
        for control in self._controls:
            try:
                self._receive(control)
            except WorkerDied:
                raise not_started(self._process(control)) from None

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
        say: Callable[[str], object],
    ) -> QueueResults:
        """Feed every task and a 'STOP' for each worker, then join the workers' lists as they come.

        The tasks are made of what `reader` reads. `say`: see `sent`.
        """
        joined = QueueResults(reader)
        sample: list[Task] = []
        told = (serve, work.function, work.failures, work.surroundings)
        message = sent(told, work.function, say)
        for control in self._controls:
            with suppress(BrokenPipeError):  # its worker is dead, as will be said below
                control.send_bytes(message)
        # Interrupts are let through between operations of the queue, never inside of one.
        with interrupts_held() as interrupts:
            for number, task in enumerate(tasks):
                self._put(task, interrupts)
                if number % (SAMPLE_EVERY * IN_A_ROW) < IN_A_ROW:
                    sample.append(task)
                elif sample:
                    joined.sample.take_each(sample)
                    sample.clear()
                if number % _LOOK_EVERY == 0:
                    self._look_for_failed()
            joined.sample.take_each(sample)
            for _ in self._processes:
                self._put(STOP, interrupts)
            waiting = list(self._controls)
            while waiting:
                with interrupts.allowed():  # A list may be long, and its worker stopped.
                    for control in self._ready(waiting, WAIT_SECONDS):
                        joined.add(self._receive(control))
                        waiting.remove(control)
        return joined

    def _put(self, task: Task | str, interrupts: HeldInterrupts) -> None:
        while True:
            interrupts.let_through()
            try:
                return self._inputs.put(task, timeout=WAIT_SECONDS)
            except queue.Full:
                self._look_for_failed()

    def _look_for_failed(self) -> None:
        """Before there is a 'STOP' a worker says nothing but why it has ended."""
        for control in self._ready(self._controls, 0):
            self._receive(control)

    def _ready(self, controls: list[Any], seconds: float) -> list[Any]:
        """Those that have sent something, or have ended; none after so many seconds."""
        ready = wait(controls, seconds)
        if (
            not ready
        ):  # The pipe of one that is dead may be open in a process that its function forked.
            for control in controls:
                process = self._process(control)
                if process.exitcode is not None and not control.poll():
                    raise _died(process)
        return ready

    def _process(self, control: Any) -> Any:
        return self._processes[self._controls.index(control)]

    def _receive(self, control: Any) -> Any:
        """A worker's next message. Raises what it has raised, or WorkerDied."""
        try:
            message = control.recv()
        except (EOFError, OSError):  # at the end of a message, or in the middle of it
            process = self._process(control)
            process.join()
            raise _died(process) from None
        if isinstance(message, BaseException):
            raise message
        return message

    def _close(self, orderly: bool) -> None:
        if not orderly:
            for process in self._processes:
                process.kill()
        for process, control in zip(self._processes, self._controls, strict=True):
            control.close()
            process.join()
            process.close()
        self._inputs.abandon()


def _died(process: Any) -> WorkerDied:
    return WorkerDied(
        f"Worker process {process.pid} ended with exit code {process.exitcode} before its work did. "
        "Nothing was made visible; earlier results are as they were."
    )
