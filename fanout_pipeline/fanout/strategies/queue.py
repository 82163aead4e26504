"""The article's program, kept for the comparison: the order of the results is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fanout_pipeline.fanout.contract import Strategy, Work
from fanout_pipeline.fanout.item_queue import ItemQueue, Task
from fanout_pipeline.fanout.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    located,
    read_items,
    write_in_parts,
)
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.parts.manifest import PartRecord


class _Queue(ItemQueue):
    def run(self, work: Work, progress: Progress) -> list[PartRecord]:
        counts: list[int] = []
        try:
            results = self.results(_serve, work.function, _tasks(work, progress, counts))
        except CallFailed as error:
            raise located(work, error.task[0], error.failure) from None
        return write_in_parts(work, results, counts)


def _tasks(work: Work, progress: Progress, counts: list[int]) -> Iterator[Task]:
    for _, items in read_items(work, progress):
        counts.append(len(items))
        yield from ((item,) for item in items)


def _serve(function: Callable[[Any], Any], task: Task) -> Any:
    return function(task[0])


STRATEGY = Strategy(
    name="queue",
    description="The article's program: numbers travel one at a time through a multiprocessing "
    "queue, each worker answers with one list, and the lists are joined as they arrive. The order "
    "of the results is lost, and every item pays for its journey.",
    start=_Queue.started,
    keeps_order=False,
    start_methods=START_METHODS,
)
