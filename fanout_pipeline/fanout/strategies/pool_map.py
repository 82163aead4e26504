"""`multiprocessing.Pool.map` over all items: the library keeps the order."""

from __future__ import annotations

import functools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]  # typeshed
from multiprocessing.sharedctypes import RawArray
from typing import Any

from fanout_pipeline.fanout.chunk_work import described, shown
from fanout_pipeline.fanout.contract import Options, Ran, Strategy, Work
from fanout_pipeline.fanout.interrupts import interrupts_held
from fanout_pipeline.fanout.lanes import Lane
from fanout_pipeline.fanout.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    ItemReader,
    located,
    prepare_worker,
    write_in_parts,
)
from fanout_pipeline.fanout.pickling import SAMPLE_EVERY, PickleSample
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage, usage_of


class _Pool:
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
            pending = self._pool.map_async(functools.partial(_call, work.function), items)
            # Not one long wait, which a Ctrl-C at its very beginning would not end.
            while not pending.ready():
                pending.wait(0.5)
            results = pending.get()
        except CallFailed as error:
            raise located(work, error.task[0], error.failure) from None
        except MaybeEncodingError as error:
            raise TypeError(
                f"The function's results cannot be sent between processes: {error}"
            ) from error
        mapped = time.perf_counter()
        sent_bytes, pickle_seconds = _pickling(items, results)
        sampled = time.perf_counter()
        parts = write_in_parts(work, results, reader.counts)
        written = time.perf_counter()
        lanes = []
        for told in _told(before, list(self._clocks), read, mapped):
            lane = Lane(began)
            lane.until(read, "read")
            lane.told(told, sampled)
            lane.until(written, "write")
            lanes.append(lane)
        return Ran(parts, tuple(lanes), sent_bytes, pickle_seconds)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(self._pids)


def _told(
    before: Sequence[float], after: Sequence[float], read: float, mapped: float
) -> list[dict[str, float]]:
    """What the workers' clocks say of the time from `read` to `mapped`."""
    ends = [max(end, read) for end in after[1::2]]
    told = []
    for called_before, called, end in zip(before[::2], after[::2], ends, strict=True):
        call, wait = called - called_before, max(ends) - end
        # The library does not let us see what it sends and what it waits for in between: that is
        # the rest, as is what it takes to bring the last results of a worker home.
        told.append({"call": call, "wait": wait, "send": mapped - read - call - wait})
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
    context = multiprocessing.get_context(options.start_method)
    clocks = RawArray("d", 2 * options.workers)
    before = set(multiprocessing.active_children())
    pool = None
    try:
        # An interrupt that was held is raised at the end of this block: by then the pool is known.
        with interrupts_held():
            pool = context.Pool(options.workers, _prepare, (clocks, context.Value("i", 0)))
        workers = set(multiprocessing.active_children()) - before
        pool.map(_answer, range(options.workers), chunksize=1)
        yield _Pool(pool, [worker.pid for worker in workers if worker.pid], clocks)
        pool.close()
        pool.join()
    finally:
        if pool is not None:
            with interrupts_held():
                pool.terminate()
                pool.join()


_own_clock: list[Any] = []
"""In a worker: its view of its two numbers, the seconds in calls and when the last call ended."""


def _prepare(clocks: Any, taken: Any) -> None:
    prepare_worker()
    with taken.get_lock():
        number, taken.value = taken.value, taken.value + 1
    # A worker that the library starts in the place of a dead one takes up a clock again.
    begin = 2 * number % len(clocks)
    _own_clock.append(memoryview(clocks).cast("B").cast("d")[begin : begin + 2])


def _answer(number: int) -> int:
    return number


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    clock = _own_clock[0]
    began = time.perf_counter()
    try:
        result = function(item)
    except Exception as error:
        raise CallFailed((item,), described(error, shown(item))) from None
    clock[1] = ended = time.perf_counter()
    clock[0] += ended - began
    return result


STRATEGY = Strategy(
    name="pool_map",
    description="multiprocessing.Pool.map over all numbers at once: the library sends them in "
    "batches and keeps the order.",
    start=start,
    start_methods=START_METHODS,
)
