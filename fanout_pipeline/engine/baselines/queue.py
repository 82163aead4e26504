"""The article's program, kept for the comparison: the order of the results is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fanout_pipeline.engine.baselines.item_queue import ItemQueue
from fanout_pipeline.engine.baselines.item_queue_worker import Task
from fanout_pipeline.engine.baselines.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    ItemReader,
    located,
)
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy, Work
from fanout_pipeline.engine.system.progress import Progress


class _Queue(ItemQueue, Crew):
    def run(self, work: Work, progress: Progress) -> Ran:
        reader = ItemReader(work, progress)
        try:
            joined = self.results(_serve, work, reader, _tasks(work, reader), progress.log_once)
        except CallFailed as error:
            raise located(work, error.task[0], error.failure) from None
        return joined.write(work, joined.results)


def _tasks(work: Work, reader: ItemReader) -> Iterator[Task]:
    for indexes, items in reader:
        if work.failures.quarantines:
            # For a list of those that failed; the results go without.
            yield from zip(indexes, items, strict=True)
        else:
            yield from ((item,) for item in items)


def _serve(function: Callable[[Any], Any], task: Task) -> Any:
    return function(task[-1])


STRATEGY = Strategy(
    name="queue",
    description="The article's program: numbers travel one at a time through a multiprocessing "
    "queue, each worker answers with one list, and the lists are joined as they arrive. The order "
    "of the results is lost, and every item pays for its journey.",
    start=_Queue.started,
    keeps_order=False,
    start_methods=START_METHODS,
)
