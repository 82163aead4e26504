"""The batch function or the one for single items, whichever is quicker: see docs/decisions/auto.md.

a small batch --> its first results --> single calls for the same items give the same --> either may be called
                                    '-> they do not, or take too long                 --> the batch function
either --> what a unit takes by each --> chunk after chunk by the quicker; now and then one by the other
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.batch import Seen, process_batch
from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control, Outcome
from fanout_pipeline.engine.model.errors import reraise_interrupt
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.sources.source import Chunk, Items

COMPARED = 16
"""So many items are called by both."""
FIRST_SHARE = 1 / 32
"""The share of the largest chunk that the first batch has."""
_EXACT = (int, str, bytes, bool)
"""Types of results that both give alike, or not at all: floats may differ in their last digits."""
_DEAR_SECONDS = 10e-6
"""From this time a unit on, making a batch is no large part of it, and single calls may be dear: none is made."""
_TRIAL_SECONDS = 0.002
"""Single calls that are compared take no longer than this together, unless the last one does."""
_TRIALS = 2
"""So many batches come first. The first of a process imports pandas, or begins slowly in other ways."""
_BATCH_SECONDS = 0.001
"""About what a batch costs whatever its size, which a large one does not notice."""
_PATIENCE = 2
"""Single calls of a chunk end after so many times what the batch function would have taken."""
_LEAST_SECONDS = 0.02
"""But not so soon: a machine that stops a process for a while would end them after the first."""
_LOOK_SHARE = 1 / 16
"""The other is looked at again once that takes no more than this share of the time since."""
_MORE = 4
"""Each time with so many times the items: a large batch takes less an item."""


class BatchOrSingle:
    """One run's way to do chunks, for any thread of its process. Single calls are made by one thread at a time."""

    def __init__(self, work: Work, settle: Callable[[], bool]):
        """`settle`: from now on one thread calls, as single calls gain nothing from more; False where more do."""
        self._settle = settle
        self._size = max(1, round(FIRST_SHARE * work.source.CHUNK_SIZE))
        """The size of the next look, in units of the source."""
        self._trials = _TRIALS
        """How many trials are left."""
        self._single: deque[float] = deque(maxlen=2)
        self._batch: deque[float] = deque(maxlen=2)
        """Seconds for a unit by each, in its last two chunks. The less counts, as a machine that stops a process for
        some milliseconds makes quick calls look dear."""
        self._agree = False
        self._since = 0.0
        """Seconds since the other was looked at."""
        self._singles = 0
        """How many items were called one by one."""
        self._lock = threading.Lock()

    @staticmethod
    def may_choose(work: Work) -> bool:
        """Whether results do not tell which function has made them: no file has the type of a batch's column, no failed
        item the message of one. And whether calls are neither counted nor given anything.
        """
        free = work.setup is None and work.limits is None and not work.fixed
        return free and work.generation.in_memory and not work.failures.quarantines

    def __call__(self, work: Work, chunk: Chunk, control: Control) -> Outcome:
        if not self._lock.acquire(blocking=False):  # Another thread decides.
            return process_batch(work, chunk, control)
        try:
            return self._done(work, chunk, control)
        finally:
            self._lock.release()

    def why(self) -> str:
        """Which was called, for a sentence."""
        if not self._singles:
            return "by the batch function"
        times = f"{min(self._single) * 1e6:.2g} µs an item, {min(self._batch) * 1e6:.2g} µs by the batch function"
        return f"{self._singles:,} items by single calls ({times})"

    def _done(self, work: Work, chunk: Chunk, control: Control) -> Outcome:
        # What is done in one small batch is not worth a choice.
        if self._trials and (self._batch or chunk.size > self._size):
            return self._tried(work, chunk, control)
        if not self._agree:
            return process_batch(work, chunk, control)
        single, batch = min(self._single), min(self._batch)
        singly = single < batch
        if singly and not self._settle():
            return self._timed(work, chunk, control, False)
        if self._since * _LOOK_SHARE < max(single, batch) * self._size:
            return self._timed(work, chunk, control, singly)
        return self._look(work, chunk, control, not singly)

    def _tried(self, work: Work, chunk: Chunk, control: Control) -> Outcome:
        """A small batch, and single calls of its first items if it was quick."""
        first: list[tuple[Sequence[Any], Sequence[Any]]] = []

        def seen(items: Items, column: Any) -> None:
            results = column[:COMPARED]
            first.append(
                (items.values[:COMPARED], getattr(results, "to_pylist", lambda: results)())
            )

        self._trials -= 1
        outcome = self._look(work, chunk, control, False, seen)
        if first and not self._agree and self._batch[-1] < _DEAR_SECONDS:
            self._compare(work, *first[0])
        return outcome

    def _compare(self, work: Work, items: Sequence[Any], results: Sequence[Any]) -> None:
        """Call single items, whose results by the batch function are known. The quickest says what a call takes."""
        self._agree = all(type(one) in _EXACT for one in results)
        least, ends = math.inf, time.perf_counter() + _TRIAL_SECONDS
        with calling(work.function) as function:
            for item, result in zip(items, results, strict=True):
                began = time.perf_counter()
                if not self._agree or began > ends:
                    break
                try:
                    own = function(item)
                except BaseException as error:
                    reraise_interrupt(error)
                    self._agree = False
                    break
                least = min(least, time.perf_counter() - began)
                self._agree = type(own) is type(result) and own == result
            else:
                self._single.append(least)
                return
        if not self._agree:
            self._trials = 0
        self._agree = False

    def _look(
        self, work: Work, chunk: Chunk, control: Control, singly: bool, seen: Seen | None = None
    ) -> Outcome:
        """The beginning of a chunk."""
        stop = min(chunk.stop, chunk.start + self._size)
        outcome = self._timed(work, replace(chunk, stop=stop), control, singly, seen)
        self._since, self._size = 0.0, _MORE * self._size
        start = outcome.range(replace(chunk, stop=stop))[1]
        return outcome._replace(rest=replace(chunk, start=start) if start < chunk.stop else None)

    def _timed(
        self, work: Work, chunk: Chunk, control: Control, singly: bool, seen: Seen | None = None
    ) -> Outcome:
        """By one of both, whose time is taken."""
        if singly:
            patience = max(_LEAST_SECONDS, _PATIENCE * min(self._batch) * chunk.size)
            seconds = min(control.seconds, patience)
            outcome = process_chunk(work, chunk, control._replace(seconds=seconds))
        else:
            outcome = process_batch(work, chunk, control, seen)
        seconds = busy_seconds(outcome.part)
        self._since += seconds
        size = max(1, outcome.size(chunk))
        if singly:
            self._single.append(seconds / size)
            self._singles += outcome.part.items
        else:
            self._batch.append(max(0.0, seconds - _BATCH_SECONDS) / size)
        return outcome
