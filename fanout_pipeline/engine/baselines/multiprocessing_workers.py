"""What the strategies that use Python's `multiprocessing` share, in the worker and in the parent.

These (`queue`, `indexed_queue`, `pool_map`) move every item to a worker and every result back. The
parent reads the source and writes the parts; the workers only call the function.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from fanout_pipeline.engine.calls.quarantine import write_marked
from fanout_pipeline.engine.calls.records import put_in, unreadable_failures
from fanout_pipeline.engine.model.errors import (
    Failure,
    ItemFailed,
    WorkerDied,
    failure_from,
    short_repr,
)
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.engine.system.numeric import be_a_worker
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.store.manifest import PartRecord

_INDEX = attrgetter("index")
START_METHODS = tuple(
    method
    for method in ("forkserver", "spawn")
    if method in multiprocessing.get_all_start_methods()
)
"""Not fork: a process that has threads, as a Dagster step has, may not be forked safely."""


def prepare_worker() -> None:
    """First thing in a worker: leave Ctrl-C to the parent, and end when the parent ends.

    Linear algebra has as many threads as in workers of our own, also where a fork server or the main
    program was there first.
    """
    be_a_worker()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=exit_after_parent, daemon=True).start()


@contextmanager
def starting() -> Iterator[None]:
    """For a block that starts processes: WorkerDied where Python's fork server does not live to do so."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise WorkerDied(
            f"Python's fork server, which was to start a worker process, has ended ({error}). "
            "Nothing was made visible; earlier results are as they were. Run again."
        ) from error


def not_started(worker: Any) -> WorkerDied:
    """The error for a process that has ended instead of answering."""
    return WorkerDied(
        f"Worker process {worker.pid} ended with exit code {worker.exitcode} before it had answered. "
        "Nothing was made visible; earlier results are as they were. If a script starts this, what it "
        "does belongs under `if __name__ == '__main__':`, for each worker of multiprocessing runs it."
    )


def exit_after_parent() -> None:
    """Wait for the end of the process that started this one through multiprocessing, then exit."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class ItemReader:
    """Reads the source chunk by chunk in the parent, and says how long that took."""

    def __init__(self, work: Work, progress: Progress):
        self._work = work
        self._progress = progress
        self.counts: list[int] = []
        """Items of each chunk read so far."""
        self.failed: dict[int, Failure] = {}
        """Those of them that cannot be read, by their indexes."""
        self.seconds = 0.0
        """Time in reading and parsing."""

    def __iter__(self) -> Iterator[tuple[Sequence[int], Sequence[Any]]]:
        """The items of each chunk, in order, and their indexes; the progress of whoever consumes them.

        Without those that cannot be read.
        """
        self._progress.begin(sum(chunk.size for chunk in self._work.chunks))
        for chunk in self._work.chunks:
            began = time.perf_counter()
            items = self._work.source.read(chunk)
            failed = unreadable_failures(self._work, items)
            self.failed |= {failure.index: failure for failure in failed.values()}
            indexes: Sequence[int] = range(items.first_index, items.first_index + len(items))
            if failed:
                indexes = [index for index in indexes if index not in self.failed]
            self.seconds += time.perf_counter() - began
            self.counts.append(len(items))
            yield indexes, items.readable()
            self._progress.done(len(items), chunk.size)


def write_in_parts(work: Work, results: list[Any], reader: ItemReader) -> list[PartRecord]:
    """Write the results of what was read as parts of the chunks' sizes; what is over goes into the last.

    A Failure among them has the index of its item, or it stands where the item's result would.
    """
    counts = reader.counts
    if reader.failed:
        results = put_in(results, reader.failed)
    failures = _located_failures(work, results)
    parts = []
    start = 0
    for number, count in enumerate(counts):
        stop = start + count if number < len(counts) - 1 else len(results)
        first, last = (bisect_left(failures, edge, key=_INDEX) for edge in (start, stop))
        marked = results[start:stop]
        parts.append(write_marked(work, number, start, marked, failures[first:last]))
        start = min(stop, len(results))
    return parts


def _located_failures(work: Work, results: list[Any]) -> list[Failure]:
    """All failures among the results, in the order of the items."""
    if not work.failures.quarantines:
        return []
    found = (
        result.at(place if result.index < 0 else result.index, work.source)
        for place, result in enumerate(results)
        if type(result) is Failure
    )
    return sorted(found, key=_INDEX)


def called_again(
    call: Callable[[], Any], policy: FailurePolicy, error: BaseException, item: Any
) -> Any:
    """In a worker: the result of a call that has failed, or the Failure that it is for good."""
    from fanout_pipeline.engine.calls.retry import IN_VAIN, Tries

    tries = Tries(policy, error)
    result = tries.repeat(call)
    return failure_from(tries.error, short_repr(item), tries.made) if result is IN_VAIN else result


class CallFailed(Exception):
    """What a call raised, in a worker that does not know the item's place in the source."""

    def __init__(self, task: tuple[Any, ...], failure: Failure):
        super().__init__(task, failure)
        self.task = task
        self.failure = failure


def located(work: Work, item: Any, failure: Failure) -> ItemFailed:
    """The failure at the first item that equals the guilty one: the workers knew no indexes."""
    for chunk in work.chunks:
        items = work.source.read(chunk)
        if item in items:
            return ItemFailed(failure.at(items.first_index + items.index(item), work.source))
    return ItemFailed(failure)
