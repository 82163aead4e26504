"""What the three programs share: reading before anything is sent, writing after all came back, timing."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.quarantine import unreadable_failures, write_results_of
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied, failure_from, short_repr
from fanout_pipeline.engine.model.strategy import Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.sources.source import Items

START_METHODS = ("forkserver", "spawn")
"""Not fork, which is unsafe in a process with threads, as a run's is."""
SAMPLE_EVERY = 64
"""One value in so many is pickled once more, to measure what pickling costs."""


class ProgramRun:
    """One run of a program in the parent: the items, and the time at which each step was done."""

    def __init__(self, work: Work, progress: Progress):
        self._work = work
        self._progress = progress
        self._began = time.perf_counter()
        self._chunks: list[Items] = []
        self.items: list[Any] = []
        """All items of the source, in order."""
        for chunk in work.chunks:
            found = work.source.read(chunk)
            unreadable_failures(work, found)  # Raises BadInput where there are any.
            self._chunks.append(found)
            self.items += found
        self._read = time.perf_counter()

    def finish(
        self,
        results: Sequence[Any],
        calls: Sequence[float],
        sent: Sequence[Any],
    ) -> Ran:
        """Write the results, one for each item, and say where the time went.

        `calls` holds, for each worker, the seconds that its calls took;
        `sent` what travelled, of items and results one in SAMPLE_EVERY.
        """
        came_back = time.perf_counter()
        parts = self._write(results)
        written = time.perf_counter()
        sent_bytes, pickle_seconds = _pickling(sent)
        sampled = time.perf_counter()
        timelines = []
        for call_seconds in calls:
            timeline = WorkerTimeline(self._began)
            timeline.until(self._read, "read")
            # The library does not show what it sends and what it waits for.
            wait = came_back - self._read - call_seconds
            timeline.add({"call": call_seconds, "wait": wait}, came_back)
            timeline.until(written, "write")
            timeline.until(sampled, "wait")  # To find out what pickling costs.
            timelines.append(timeline)
        return Ran(
            parts, tuple(timelines), SAMPLE_EVERY * sent_bytes, SAMPLE_EVERY * pickle_seconds
        )

    def located(self, error: ItemFailed) -> ItemFailed:
        """The error with the item's place: of the first that looks like it, where no index was sent."""
        failure = error.failure
        index = failure.index
        if index < 0:
            texts = list(map(short_repr, self.items))
            if failure.item not in texts:
                where = f"somewhere in {self._work.source}: the function has changed it"
                return ItemFailed(replace(failure, where=where))
            index = texts.index(failure.item)
        return ItemFailed(failure.at(index, self._work.source))

    def _write(self, results: Sequence[Any]) -> list[Any]:
        self._progress.begin(len(results))
        parts, start = [], 0
        for chunk in self._chunks:
            count = len(chunk)
            parts.append(write_results_of(self._work, chunk, results[start : start + count]))
            self._progress.done(count, count)
            start += count
        return parts


def item_failed(error: BaseException, item: Any, index: int) -> ItemFailed:
    """In a worker: the error for a call that raised. `index`: the item's, -1 where it is not known."""
    return ItemFailed(replace(failure_from(error, short_repr(item)), index=index))


def require_alive(processes: Iterable[Any]) -> None:
    """Raise WorkerDied where one of the workers has ended."""
    for process in processes:
        if process.exitcode is not None:
            raise WorkerDied(
                f"Worker process {process.pid} ended with exit code {process.exitcode} before its "
                "work was done. Nothing was committed; earlier results are unchanged."
            )


def cannot_be_sent(error: BaseException) -> TypeError:
    """The error for results that cannot be pickled."""
    return TypeError(f"The function's results cannot be sent between processes: {error}")


def _pickling(messages: Sequence[Any]) -> tuple[int, float]:
    """Bytes of the messages, and the CPU seconds that pickling and unpickling them takes."""
    began = time.thread_time()
    from multiprocessing.reduction import ForkingPickler

    pickled = [ForkingPickler.dumps(message) for message in messages]
    for one in pickled:
        pickle.loads(one)
    return sum(map(len, pickled)), time.thread_time() - began
