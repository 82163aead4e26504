"""The glossary's program: items one at a time through a queue, one list of results from each worker.

    parent --(item)--> inputs --> worker, until 'STOP': function(item) --> its pipe --> parent
           --'STOP' for each worker-->                    one list at the end

With the remedy for the lost order the item's index travels along. The list comes through a pipe of the
worker's, not through a second queue, so that a worker that dies is noticed; and workers serve another run
after 'STOP', so that they can be timed warm.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter
from typing import Any

from fanout_pipeline.engine.baselines.programs import (
    SAMPLE_EVERY,
    START_METHODS,
    ProgramRun,
    cannot_be_sent,
    item_failed,
    require_alive,
)
from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.model.errors import ItemFailed, unpickling_failed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import FEATURES, Crew, Ran, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of

_STOP = "STOP"


class _ItemQueue(Crew):
    """Workers that take tasks from one queue: (index, item), or (item,), so that no item is 'STOP'."""

    def __init__(self, options: Options, indexed: bool):
        """`indexed`: an item's index travels with it, and the results are sorted by it."""
        from multiprocessing import get_context  # 20 ms, with all that belongs to it

        self._indexed = indexed
        context: Any = get_context(options.start_method or START_METHODS[0])
        self.inputs = context.Queue()
        self.workers: dict[Any, Any] = {}
        """The process of each worker, by our end of its pipe."""
        for _ in range(options.worker_count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self.inputs), daemon=True)
            process.start()
            theirs.close()
            self.workers[ours] = process
        for _ in self._messages():
            pass

    def run(self, work: Work, progress: Progress) -> Ran:
        """Feed every item and a 'STOP' for each worker, and join the workers' lists as they arrive."""
        run = ProgramRun(work, progress)
        for pipe in self.workers:
            with suppress(OSError):  # Its worker has died, as is seen below.
                pipe.send((work.function, self._indexed, work.surroundings))
        tasks = list(enumerate(run.items) if self._indexed else zip(run.items, strict=True))
        for task in tasks:
            self.inputs.put(task)
        for _ in self.workers:
            self.inputs.put(_STOP)
        results: list[Any] = []
        calls = []
        try:
            for found, call_seconds in self._messages():
                results += found
                calls.append(call_seconds)
        except ItemFailed as error:
            raise run.located(error) from None
        sent = [*tasks[::SAMPLE_EVERY], results[::SAMPLE_EVERY]]
        if self._indexed:
            results.sort(key=itemgetter(0))
            results = [result for _, result in results]
        return run.finish(results, calls, sent)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(process.pid for process in self.workers.values())

    def _messages(self) -> Iterator[Any]:
        """One from each worker, as they come. Raises the error that one is, or WorkerDied."""
        from multiprocessing.connection import wait

        waiting = list(self.workers)
        while waiting:
            ready: list[Any] = wait(waiting, WAIT_SECONDS)
            for pipe in ready:
                waiting.remove(pipe)
                try:
                    message = pipe.recv()
                except (EOFError, OSError):
                    self.workers[pipe].kill()  # It may have closed its pipe and live on.
                    self.workers[pipe].join()
                    break
                if isinstance(message, BaseException):
                    raise message
                yield message
            require_alive(self.workers.values())


@contextmanager
def _started(options: Options, indexed: bool) -> Iterator[_ItemQueue]:
    """Workers that have answered. After an error nobody ends them but who kills this process."""
    crew = _ItemQueue(options, indexed)
    yield crew
    for pipe in crew.workers:
        pipe.close()
    for process in crew.workers.values():
        process.join()
    crew.inputs.close()
    crew.inputs.join_thread()


def _serve(pipe: Any, inputs: Any) -> None:
    """A worker's program: one run for each message, until the parent closes the pipe or is killed."""
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            message = pipe.recv_bytes()
            try:
                function, indexed, surroundings = pickle.loads(message)
                surroundings.apply()
            except BaseException as error:  # A module may call sys.exit() when it is imported.
                pipe.send(unpickling_failed(error))
                continue
            try:
                pipe.send(_take_until_stop(function, indexed, inputs))
            except ItemFailed as error:
                pipe.send(error)
            except Exception as error:
                pipe.send(cannot_be_sent(error))


def _take_until_stop(
    function: Callable[[Any], Any], indexed: bool, inputs: Any
) -> tuple[list[Any], float]:
    """The results, and the seconds of the calls."""
    results = []
    call_seconds = 0.0
    with calling(function) as call:
        for task in iter(inputs.get, _STOP):
            began = time.perf_counter()
            try:
                result = call(task[-1])
            except BaseException as error:
                raise item_failed(error, task[-1], task[0] if indexed else -1) from None
            call_seconds += time.perf_counter() - began
            results.append((task[0], result) if indexed else result)
    return results, call_seconds


QUEUE = Strategy(
    name="queue",
    description="The program that this project grew out of: items travel one at a time through a "
    "multiprocessing queue, each worker answers with one list, and the lists are joined as they arrive. The order "
    "of the results is lost, and every item is pickled twice. For comparison only.",
    start=partial(_started, indexed=False),
    keeps_order=False,
    start_methods=START_METHODS,
    baseline=True,
    lacks=FEATURES,
)
INDEXED_QUEUE = Strategy(
    name="indexed_queue",
    description="queue with its order restored: an index travels with each item "
    "through the queue, and the results are sorted by it at the end. For comparison only.",
    start=partial(_started, indexed=True),
    start_methods=START_METHODS,
    baseline=True,
    lacks=FEATURES,
)
