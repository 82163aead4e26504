"""The glossary's program: items one at a time through a queue, one list of results from each worker.

    parent --(item)--> inputs --> worker, until 'STOP': function(item) --> its pipe --> parent
           --'STOP' for each worker-->                    one list at the end

`queue` and `indexed_queue` differ in whether the item's index travels along. The list comes through a
pipe of the worker's, not through a second queue, so that a worker that dies is noticed; and workers
serve another run after 'STOP', so that they can be timed warm.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from operator import itemgetter
from typing import Any, Self

from fanout_pipeline.engine.baselines.programs import (
    SAMPLE_EVERY,
    CallFailed,
    ProgramRun,
    cannot_be_sent,
    require_alive,
)
from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.model.errors import failure_from, short_repr, unpickling_failed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of

_STOP = "STOP"


class ItemQueue(Crew):
    """Workers that take tasks from one queue: (item,) or (index, item), so that no item is 'STOP'."""

    indexed = False
    """An item's index travels with it, and the results are sorted by it."""

    def __init__(self, options: Options):
        context: Any = get_context(options.start_method)
        self._inputs = context.Queue()
        self._workers: dict[Any, Any] = {}
        """The process of each worker, by our end of its pipe."""
        for _ in range(options.workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._inputs), daemon=True)
            process.start()
            theirs.close()
            self._workers[ours] = process
        for _ in self._messages():
            pass

    @classmethod
    @contextmanager
    def started(cls, options: Options) -> Iterator[Self]:
        """Workers that have answered. After an error nobody ends them but who kills this process."""
        crew = cls(options)
        yield crew
        for pipe in crew._workers:
            pipe.close()
        for process in crew._workers.values():
            process.join()
        crew._inputs.close()
        crew._inputs.join_thread()

    def run(self, work: Work, progress: Progress) -> Ran:
        """Feed every item and a 'STOP' for each worker, and join the workers' lists as they arrive."""
        run = ProgramRun(work, progress)
        for pipe in self._workers:
            with suppress(OSError):  # Its worker has died, as is seen below.
                pipe.send((work.function, self.indexed, work.surroundings))
        tasks = list(enumerate(run.items) if self.indexed else zip(run.items, strict=True))
        for task in tasks:
            self._inputs.put(task)
        for _ in self._workers:
            self._inputs.put(_STOP)
        results: list[Any] = []
        calls = []
        try:
            for found, call_seconds in self._messages():
                results += found
                calls.append(call_seconds)
        except CallFailed as error:
            raise run.item_failed(error) from None
        sent = [*tasks[::SAMPLE_EVERY], results[::SAMPLE_EVERY]]
        if self.indexed:
            results.sort(key=itemgetter(0))
            results = [result for _, result in results]
        return run.finish(results, calls, sent)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(process.pid for process in self._workers.values())

    def _messages(self) -> Iterator[Any]:
        """One from each worker, as they come. Raises the error that one is, or WorkerDied."""
        waiting = list(self._workers)
        while waiting:
            ready: list[Any] = wait(waiting, WAIT_SECONDS)
            for pipe in ready:
                waiting.remove(pipe)
                try:
                    message = pipe.recv()
                except (EOFError, OSError):
                    self._workers[pipe].kill()  # It may have closed its pipe and live on.
                    self._workers[pipe].join()
                    break
                if isinstance(message, BaseException):
                    raise message
                yield message
            require_alive(self._workers.values())


def _serve(pipe: Any, inputs: Any) -> None:
    """A worker's program: one run for each message, until the parent closes the pipe or is killed."""
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes(), inputs))


def _answer(message: bytes, inputs: Any) -> Any:
    """One run: what `_take_until_stop` returns, or the error that ended it, pickled."""
    try:
        function, indexed, surroundings = pickle.loads(message)
        surroundings.apply()
    except BaseException as error:  # A module may call sys.exit() when it is imported.
        return ForkingPickler.dumps(unpickling_failed(error))
    try:
        return ForkingPickler.dumps(_take_until_stop(function, indexed, inputs))
    except CallFailed as error:
        return ForkingPickler.dumps(error)
    except Exception as error:
        return ForkingPickler.dumps(cannot_be_sent(error))


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
                index, item = task[0] if indexed else None, task[-1]
                raise CallFailed(index, item, failure_from(error, short_repr(item))) from None
            call_seconds += time.perf_counter() - began
            results.append((task[0], result) if indexed else result)
    return results, call_seconds
