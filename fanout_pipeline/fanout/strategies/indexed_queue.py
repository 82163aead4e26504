"""The article's program with an index sent along, and the results sorted by it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from fanout_pipeline.fanout.contract import ItemFailed, Strategy, Work
from fanout_pipeline.fanout.item_queue import ItemQueue, Task
from fanout_pipeline.fanout.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    read_items,
    write_in_parts,
)
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.parts.manifest import PartRecord


class _IndexedQueue(ItemQueue):
    def run(self, work: Work, progress: Progress) -> list[PartRecord]:
        counts: list[int] = []
        try:
            indexed = self.results(_serve, work.function, _tasks(work, progress, counts))
        except CallFailed as error:
            raise ItemFailed(error.failure.at(error.task[0], work.source)) from None
        indexed.sort(key=itemgetter(0))
        return write_in_parts(work, [result for _, result in indexed], counts)


def _tasks(work: Work, progress: Progress, counts: list[int]) -> Iterator[Task]:
    for first_index, items in read_items(work, progress):
        counts.append(len(items))
        yield from enumerate(items, first_index)


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
