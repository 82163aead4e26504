"""What a contender is given: a function, and items that are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workloads.catalogue import Workload, in_a_list

AT_ONCE = 32
"""Calls that wait beside each other, the same for all: ThreadPoolExecutor's largest default."""
_BATCHES_PER_CORE = 16
"""Of libraries that leave the size of batches to their users: the last is late by 3 % of the time."""
_BATCHES_PER_WAITING = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One workload, for whoever does it."""

    workload: Workload
    items: Any
    """As the workload makes them: a list or a DataFrame."""
    scratch: Path
    """A short path, for what a library keeps on disk while it works."""
    workers: int
    """The cores that may be used."""

    @property
    def function(self) -> Callable[[Any], Any]:
        return self.workload.function

    @property
    def at_once(self) -> int:
        """Calls under way at the same time: one a core, more where they wait."""
        return AT_ONCE if self.workload.waits else self.workers

    @property
    def batches(self) -> int:
        return max(_BATCHES_PER_CORE * self.workers, _BATCHES_PER_WAITING * self.at_once)

    @property
    def batch_items(self) -> int:
        return max(1, len(self.items) // self.batches)


Run = Callable[[], Sequence[Any]]
"""Does the job once: all results in the order of the items."""


def read_items(job: Job) -> list[Any]:
    """The items as a pool is given them."""
    return in_a_list(job.items)


def read_batches(job: Job) -> Iterator[list[Any]]:
    """The items in batches, for libraries whose documentation says to batch small tasks."""
    items = read_items(job)
    for begin in range(0, len(items), job.batch_items):
        yield items[begin : begin + job.batch_items]


def call_on_each(function: Callable[[Any], Any], batch: Sequence[Any]) -> list[Any]:
    """What a worker does with a batch."""
    return [function(item) for item in batch]
