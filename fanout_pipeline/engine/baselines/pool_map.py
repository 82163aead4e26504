"""`multiprocessing.Pool.map` over all items: the library keeps the order."""

from __future__ import annotations

import multiprocessing
import pickle
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]  # typeshed
from multiprocessing.sharedctypes import RawArray
from typing import Any

from fanout_pipeline.engine.baselines.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    ItemReader,
    called_again,
    located,
    not_started,
    prepare_worker,
    starting,
    write_in_parts,
)
from fanout_pipeline.engine.baselines.pickling import SAMPLE_EVERY, PickleSample
from fanout_pipeline.engine.baselines.semaphores import name_semaphores
from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.functions.serialize import sent
from fanout_pipeline.engine.model.errors import Failure, require_failed, sendable, unreadable
from fanout_pipeline.engine.model.options import FailurePolicy, Options
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy, Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.results.files.printable import printable


class _Pool(Crew):
    def __init__(self, pool: Any, pids: list[int], clocks: Any):
        self._pool = pool
        self._pids = pids
        self._clocks = clocks

    def run(self, work: Work, progress: Progress) -> Ran:
        began = time.perf_counter()
        items: list[Any] = []
        reader = ItemReader(work, progress)
        for _, chunk_items in reader:
            items += chunk_items
        read = time.perf_counter()
        before = list(self._clocks)
        try:
            message = (work.function, work.failures, work.surroundings)
            function = sent(message, work.function, progress.say_once)
            pending = self._pool.map_async(_Function(function), items)
            while not pending.ready():
                pending.wait(WAIT_SECONDS)
            results = pending.get()
        except CallFailed as error:
            raise located(work, error.task[0], error.failure) from None
        except _RunEnded as ended:
            raise ended.error from None
        except MaybeEncodingError as error:
            raise TypeError(
                f"The function's results cannot be sent between processes: {printable(str(error))}"
            ) from None
        sent_bytes, pickle_seconds = _pickling(items, results)
        sampled = time.perf_counter()
        parts = write_in_parts(work, results, reader)
        del items, results, pending  # which takes a millisecond, and would be in no phase later
        written = time.perf_counter()
        timelines = []
        # To find out what sending costs is told as sending: it takes some 2 ms, more on a busy machine.
        for told in _told(before, list(self._clocks), read, sampled):
            timeline = WorkerTimeline(began)
            timeline.until(read, "read")
            timeline.add(told, sampled)
            timeline.until(written, "write")
            timelines.append(timeline)
        return Ran(parts, tuple(timelines), sent_bytes, pickle_seconds)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(self._pids)


def _told(
    before: Sequence[float], after: Sequence[float], read: float, sampled: float
) -> list[dict[str, float]]:
    """What the workers' clocks say of the time from `read` to `sampled`."""
    told = []
    for number in range(0, len(after), 2):
        (end_before, idle_before), (end, idle) = before[number:][:2], after[number:][:2]
        call = (end - end_before) - (idle - idle_before)
        # The library does not let us see what it sends and what it waits for in between: that is
        # the rest, as is what it takes to bring the last results of a worker home.
        told.append({"call": call, "wait": sampled - read - call})
    return told


def _pickling(items: list[Any], results: list[Any]) -> tuple[int, float]:
    """Bytes and CPU time of what travelled, from a sample: in lists, as the library sends it."""
    sent_bytes, seconds = 0, 0.0
    for values in (items, results):
        sample = PickleSample()
        sample.take(values[::SAMPLE_EVERY], len(values[::SAMPLE_EVERY]))
        scaled = sample.scaled(len(values))
        sent_bytes, seconds = sent_bytes + scaled[0], seconds + scaled[1]
    return sent_bytes, seconds


@contextmanager
def start(options: Options) -> Iterator[_Pool]:
    name_semaphores()
    context = multiprocessing.get_context(options.start_method)
    clocks = RawArray("d", [time.perf_counter(), 0.0] * options.workers)
    clocks_taken, ready = context.Value("i", 0), context.Semaphore(0)
    before = set(multiprocessing.active_children())
    pool = None
    try:
        # An interrupt that was held is raised at the end of this block: by then the pool is known.
        with interrupts_held(), starting():
            pool = context.Pool(options.workers, _prepare, (clocks, clocks_taken, ready))
        workers = set(multiprocessing.active_children()) - before
        # Not by giving each of them a task: the first that is there would take them all.
        for _ in range(options.workers):
            while not ready.acquire(timeout=WAIT_SECONDS):
                # The library would start another in the place of each that cannot start, for ever.
                for worker in workers:
                    if worker.exitcode is not None:
                        raise not_started(worker)
        yield _Pool(pool, [worker.pid for worker in workers if worker.pid], clocks)
        pool.close()
        pool.join()
    finally:
        if pool is not None:
            with interrupts_held():
                pool.terminate()
                pool.join()


_own_clock: list[Any] = []
"""In a worker: a view of its two numbers, when its last call ended, and how many seconds before that
it was in no call."""


def _prepare(clocks: Any, taken: Any, ready: Any) -> None:
    prepare_worker()
    with taken.get_lock():
        number, taken.value = taken.value, taken.value + 1
    # A worker that the library starts in the place of a dead one takes up a clock again.
    begin = 2 * number % len(clocks)
    _own_clock.append(memoryview(clocks).cast("B").cast("d")[begin : begin + 2])
    ready.release()


class _RunEnded(Exception):
    """Holds what ends the run and is no item's failure: a function that cannot be read."""

    def __init__(self, error: BaseException):
        super().__init__(error)
        self.error = error


class _Function:
    """The user's function, as it travels to a worker with each of the library's batches.

    As bytes, for a worker that could not read it would end.
    """

    def __init__(self, message: bytes):
        self._message = message

    def __call__(self, item: Any) -> Any:
        raise NotImplementedError("becomes another function on its way to the worker")

    def __reduce__(self) -> tuple[Any, ...]:
        return _on_the_clock, (self._message,)


@lru_cache(1)  # With what it keeps from call to call, as a module's function has it.
def _read(message: bytes) -> tuple[Callable[[Any], Any], FailurePolicy]:
    try:
        function, policy, surroundings = pickle.loads(message)
        surroundings.take_on()
    except BaseException as error:
        raise _RunEnded(unreadable(error)) from None
    return function, policy


def _on_the_clock(message: bytes) -> Callable[[Any], Any]:
    """The function for one batch, in the worker. One look at the clock an item is all it costs."""
    now = time.perf_counter
    clock: Any = None
    batch = ExitStack()
    call_one: Callable[[Any], Any]
    policy: FailurePolicy

    def call(item: Any) -> Any:
        nonlocal clock, call_one, policy
        if clock is None:
            # Not before: the library unpickles what is left in its queue in the parent.
            function, policy = _read(message)
            call_one = batch.enter_context(calling(function))
            clock = _own_clock[0]
            clock[1] += now() - clock[0]
        try:
            result = call_one(item)
        except BaseException as error:
            try:
                require_failed(error)
                result = called_again(lambda: call_one(item), policy, error, item)
            except BaseException as ending:
                raise _RunEnded(sendable(ending)) from None
            if isinstance(result, Failure) and not policy.quarantines:
                raise CallFailed((item,), result) from None
        clock[0] = now()
        return result

    # The library says nothing of a batch's end, but drops its function then.
    weakref.finalize(call, batch.close)
    return call


STRATEGY = Strategy(
    name="pool_map",
    description="multiprocessing.Pool.map over all numbers at once: the library sends them in "
    "batches and keeps the order.",
    start=start,
    start_methods=START_METHODS,
)
