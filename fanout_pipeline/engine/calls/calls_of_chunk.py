"""The calls of one chunk of which many are in flight: see `concurrent`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from fanout_pipeline.engine.model.errors import Failure
from fanout_pipeline.sources.source import Chunk, Items

PENDING = object()
"""In place of the result of a call that has not ended."""


class Calls:
    """The calls of one chunk, except of items that have failed before (by their positions)."""

    def __init__(self, items: Items, failed: Mapping[int, Failure]):
        self.chunk = items.chunk
        self.first_index = items.first_index
        self.items = items.values
        self.read = items
        """The chunk as it was read."""
        self.results: list[Any] = [PENDING] * len(items)
        """One for each item; None for those that failed, PENDING while that is not known."""
        for position in failed:
            self.results[position] = None
        self.failed = dict(failed)
        """The failures of items in quarantine, by their positions."""
        self.retried = 0
        """How many calls were made again."""
        self.left = len(items) - len(failed)
        """Number of calls that have not ended."""
        self.pulled: Iterator[tuple[int, Any]] = enumerate(items)
        """Shared by all tasks: each item goes to the task that asks first."""
        if failed:
            self.pulled = (one for one in enumerate(items) if one[0] not in failed)
        self.call_seconds = self.call_cpu_seconds = 0.0
        """Time of the loop since it completed the chunk before: chunks overlap, these times do not."""
        self.next: Calls | None = None
        self.next_known = asyncio.Event()

    def follow(self, calls: Calls | None) -> None:
        self.next = calls
        self.next_known.set()

    def done(self) -> Iterator[tuple[Chunk, list[Any], dict[int, Failure]]]:
        """What of the chunk is done where the run has ended before all of it was.

        Each range of items, as a chunk, with its results and its failures by their positions in it.
        """
        for is_done, group in groupby(enumerate(self.results), lambda one: one[1] is not PENDING):
            if is_done:
                results = list(group)
                first, stop = results[0][0], results[-1][0] + 1
                start = self.read.rest(first).start if first else self.chunk.start
                end = self.read.rest(stop).start if stop < len(self.results) else self.chunk.stop
                failed = {
                    one - first: why for one, why in self.failed.items() if first <= one < stop
                }
                yield (
                    replace(self.chunk, start=start, stop=end),
                    [one for _, one in results],
                    failed,
                )
