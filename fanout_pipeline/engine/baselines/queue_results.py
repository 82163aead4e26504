"""The parent's side of what `item_queue` gets back: one list of results, and one lane a worker."""

from __future__ import annotations

import pickle
import time
from typing import Any

from fanout_pipeline.engine.baselines.item_queue_worker import Answer
from fanout_pipeline.engine.baselines.multiprocessing_workers import ItemReader, write_in_parts
from fanout_pipeline.engine.baselines.pickling import PickleSample
from fanout_pipeline.engine.model.strategy import Ran, Work
from fanout_pipeline.engine.timing.timeline import WorkerTimeline


class QueueResults:
    """The results of all workers that have answered, in the order of arrival."""

    def __init__(self, reader: ItemReader):
        self.results: list[Any] = []
        self.sample = PickleSample()
        """Of the tasks."""
        self._reader = reader
        self._began = time.perf_counter()
        self._lanes: list[WorkerTimeline] = []
        self._last_joined = self._began
        self._result_bytes = 0
        self._result_seconds = 0.0

    def add(self, answer: Answer) -> None:
        """Join a worker's results. All tasks have been read by then."""
        timeline = WorkerTimeline(self._began)
        timeline.until(answer.began, "wait")
        # While the parent reads, it feeds nobody. But what it reads while there are tasks in the
        # queue delays nobody: this is how long a worker had to wait for the reading at most.
        reading = min(self._reader.seconds, answer.get_seconds)
        sending = answer.get_seconds - reading + answer.pickle_seconds
        told = {"start": answer.import_seconds, "read": reading, "wait": sending}
        timeline.add(told | {"call": answer.call_seconds}, answer.ended)
        began = time.thread_time()
        self.results += pickle.loads(answer.results)
        unpickle_seconds = time.thread_time() - began
        self._last_joined = time.perf_counter()
        timeline.until(self._last_joined, "wait")
        self._lanes.append(timeline)
        self._result_bytes += len(answer.results)
        self._result_seconds += answer.pickle_cpu_seconds + unpickle_seconds

    def write(self, work: Work, results: list[Any]) -> Ran:
        """Write the results, which are in their final order now."""
        gathered = time.perf_counter()
        parts = write_in_parts(work, results, self._reader)
        written = time.perf_counter()
        for timeline in self._lanes:
            timeline.until(self._last_joined, "wait")
            timeline.until(gathered, "commit")
            timeline.until(written, "write")
        task_bytes, task_seconds = self.sample.scaled(sum(self._reader.counts))
        return Ran(
            parts,
            tuple(self._lanes),
            task_bytes + self._result_bytes,
            task_seconds + self._result_seconds,
        )
