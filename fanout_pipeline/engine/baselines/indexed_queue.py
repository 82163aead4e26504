"""The article's program with an index sent along, and the results sorted by it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from fanout_pipeline.engine.baselines.item_queue import ItemQueue
from fanout_pipeline.engine.baselines.item_queue_worker import Task
from fanout_pipeline.engine.baselines.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    ItemReader,
)
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy, Work
from fanout_pipeline.engine.system.progress import Progress


class _IndexedQueue(ItemQueue, Crew):
    def run(self, work: Work, progress: Progress) -> Ran:
        reader = ItemReader(work, progress)
        try:
            joined = self.results(_serve, work, reader, _tasks(reader), progress.log_once)
        except CallFailed as error:
            raise ItemFailed(error.failure.at(error.task[0], work.source)) from None
        joined.results.sort(key=itemgetter(0))
        return joined.write(work, [result for _, result in joined.results])


def _tasks(reader: ItemReader) -> Iterator[Task]:
    for indexes, items in reader:
        yield from zip(indexes, items, strict=True)


def _serve(function: Callable[[Any], Any], task: Task) -> Any:
    index, item = task
    return index, function(item)


STRATEGY = Strategy(
    name="indexed_queue",
    description="The article's remedy for the lost order: an index travels with each number "
    "through the queue, and the results are sorted by it at the end.",
    start=_IndexedQueue.started,
    start_methods=START_METHODS,
)
