"""What a contender is given, and the reading and writing that a user without ours would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pyarrow
from pyarrow import parquet

from benchmarks.peers.workloads import AT_ONCE, Workload

_BATCHES_PER_CORE = 16
"""Of libraries that leave the size of batches to their users: the last is late by 3 % of the time."""
_BATCHES_PER_WAITING = 4
_BLOCKS_PER_CORE = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One workload on one input, for whoever does it."""

    workload: Workload
    input: Path
    scratch: Path
    """A short path, for what a library keeps on disk while it works."""
    items: int
    workers: int
    """The cores that may be used."""
    loops_per_second: float
    """What the workload's burns were made with."""

    @property
    def function(self) -> Callable[[Any], int]:
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
        return max(1, self.items // self.batches)

    @property
    def blocks(self) -> int:
        """For libraries that cut the file themselves, and do several things with each piece."""
        return max(_BLOCKS_PER_CORE * self.workers, self.at_once)

    @property
    def block_bytes(self) -> int:
        return -(-self.input.stat().st_size // self.blocks)


Run = Callable[[Path], object]
"""Does the job once, into a folder."""


def read_items(job: Job) -> list[Any]:
    """All of the input's items."""
    with job.input.open(encoding="utf-8", newline="\n") as file:
        return job.workload.read(file)


def read_batches(job: Job) -> Iterator[list[Any]]:
    """The items in batches, for libraries whose documentation says to batch small tasks."""
    items = read_items(job)
    for begin in range(0, len(items), job.batch_items):
        yield items[begin : begin + job.batch_items]


def call_on_each(function: Callable[[Any], int], batch: Sequence[Any]) -> list[int]:
    """What a worker does with a batch."""
    return [function(item) for item in batch]


def write_results(folder: Path, results: Sequence[int]) -> None:
    """One Parquet file with the results and their numbers."""
    table = pyarrow.table(
        {"index": numpy.arange(len(results)), "result": pyarrow.array(results, pyarrow.int64())}
    )
    parquet.write_table(table, folder / "part-00000.parquet")
