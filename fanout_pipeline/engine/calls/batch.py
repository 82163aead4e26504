"""What is done with one chunk by the batch function: like `items`, but with one call for all items.

A batch that fails says nothing about its items. It is called again in halves, the first half first,
until a half of one item fails: that item is guilty. With one guilty item all calls together are of at most
three times the chunk's items; each further one adds log2(items) batches at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.allowing import Allowing, allowing
from fanout_pipeline.engine.calls.batch_kinds import batch_of, rows_of
from fanout_pipeline.engine.calls.batch_results import as_column, joined, with_nulls
from fanout_pipeline.engine.calls.outcome import UNLIMITED, Control, Outcome
from fanout_pipeline.engine.calls.quarantine import Quarantine, unreadable_failures
from fanout_pipeline.engine.model.errors import (
    Failure,
    ItemFailed,
    Stopped,
    reraise_interrupt,
)
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.signals import interrupts_marked
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk, Items

Seen = Callable[[Items, Any], object]
"""Is told of items, all of which could be read, and the column of their results."""


def process_batch(
    work: Work, chunk: Chunk, control: Control = UNLIMITED, seen: Seen | None = None
) -> Outcome:
    """Call the batch function once on all items of a chunk, however long that takes, and write the part.

    `seen` is told of a chunk of which nothing has failed. Raises ItemFailed, BadInput, or Stopped; Spent where a budget does not allow all of its calls.
    """
    stopwatch = Stopwatch()
    part = stopwatch.timed(_called(work, chunk, control, stopwatch, seen))
    return Outcome(part, None, stopwatch.began, stopwatch.ended)


def _called(
    work: Work, chunk: Chunk, control: Control, stopwatch: Stopwatch, seen: Seen | None
) -> PartRecord:
    assert work.batch_function is not None
    items = work.source.read(chunk)
    unreadable = unreadable_failures(work, items)
    batch, first_index = batch_of(items, work.batch_function), items.first_index
    stopwatch.end("read")
    if control.stopped():
        raise Stopped
    allowed = allowing(work, control, stopwatch)
    quarantine = Quarantine(work, items, stopwatch)
    with quarantine, interrupts_marked():
        failing, failed = _Failing(quarantine, unreadable), None
        try:
            # A chunk in which no item begins is ordinary, and many a function takes no empty batch.
            column = _column_of(work, batch, allowed) if len(batch) else []
        except BaseException as error:
            reraise_interrupt(error)
            failed = error
        # Not in the handler: what it handles would be part of the traceback of each item that fails.
        if failed is not None:
            halves = _InHalves(work, batch, items, failing, control.stopped, allowed)
            column = halves.column(failed, first_index)
        failing.add_rest()
    if unreadable and not work.failures.omits:
        column = with_nulls(column, unreadable)
    stopwatch.end("call")
    if seen is not None and failed is None and not unreadable:
        seen(items, column)
    return quarantine.part(column)


class WrongLength(ValueError):
    """The batch function lost or added results, which says nothing about any single item."""


def call_checked(function: Callable[[Any], Any], items: Any) -> Any:
    """The results of a batch. Raises WrongLength unless there are as many as items."""
    results = function(items)
    try:
        count = len(results)
    except TypeError as error:
        raise WrongLength(f"the batch function returned no column of results: {error}") from error
    if count != len(items):
        raise WrongLength(f"the batch function returned {count} results for {len(items)} items")
    return results


def _column_of(work: Work, items: Any, allowed: Allowing | None) -> Any:
    """The results of a batch as what parts take. Raises WrongType where one is not of the stated type."""
    assert work.batch_function is not None
    if allowed is not None:
        allowed.take(1)
    column = as_column(call_checked(work.batch_function, items))
    kind = work.layout.kind
    if kind is not None:
        from fanout_pipeline.results.types.arrow_types import kind_of
        from fanout_pipeline.results.types.stated import require_stated

        stored = getattr(column, "type", None)
        if stored is None or kind_of(stored) != kind:
            for value in column if stored is None else column.to_pylist():
                require_stated(value, kind)
    return column


class _Failing:
    """Puts failed items of a batch into quarantine, and in between, in order, what could not be read."""

    def __init__(self, quarantine: Quarantine, unreadable: Mapping[int, Failure]):
        self.quarantine = quarantine
        self._unreadable = deque(unreadable.items())
        self._before = 0
        """How many unreadable items come before the item that failed last."""

    def add(self, position: int, failure: Failure) -> None:
        """An item has failed; by its position in the batch, ascending."""
        while self._unreadable and self._unreadable[0][0] <= position + self._before:
            self.quarantine.add(*self._unreadable.popleft())
            self._before += 1
        self.quarantine.add(position + self._before, failure)

    def add_rest(self) -> None:
        """No further item has failed."""
        for position, failure in self._unreadable:
            self.quarantine.add(position, failure)


class _InHalves:
    """A chunk whose batch has failed."""

    def __init__(
        self,
        work: Work,
        batch: Any,
        items: Items,
        failing: _Failing,
        stopped: Callable[[], bool],
        allowed: Allowing | None,
    ):
        self._work = work
        self._batch = batch
        self._items = items
        self._failing = failing
        self._stopped = stopped
        self._allowed = allowed
        self._found: list[Any] = []
        """Result columns of the ranges that succeeded; None for an item that failed."""

    def column(self, error: BaseException, first_index: int) -> Any:
        """The results of all other items. Raises ItemFailed where a failed item ends the run."""
        policy = self._work.failures
        if not policy.quarantines and isinstance(error, WrongLength):
            raise self._batch_failed(error, first_index) from None
        self._split(0, len(self._batch), error)
        if not policy.quarantines and not policy.retries:
            # Each half succeeded by itself. That was another try, and none was asked for.
            raise self._batch_failed(error, first_index) from None
        return joined([one for one in self._found if one is not None or not policy.omits])

    def _split(self, start: int, stop: int, error: BaseException) -> None:
        """Call a range that failed as a whole again, in halves."""
        if stop - start == 1:
            self._single(start, error)
            return
        middle = (start + stop) // 2
        for begin, end in ((start, middle), (middle, stop)):
            if self._stopped():
                raise Stopped
            failed = None
            try:
                self._found.append(self._called(begin, end))
            except BaseException as raised:
                reraise_interrupt(raised)
                failed = raised
            if failed is not None:
                self._split(begin, end, failed)

    def _single(self, position: int, error: BaseException) -> None:
        from fanout_pipeline.engine.calls.retry import FAILED, Tries

        limiter = None if self._allowed is None else self._allowed.limiter
        tries = Tries(self._work.failures, error, limiter)
        column = tries.repeat(lambda: self._again(position), self._stopped)
        if column is not FAILED:
            self._found.append(column)
            return
        from fanout_pipeline.engine.calls.withheld import failure_of

        item = self._items.readable()[position]
        failure = failure_of(tries.error, item, tries.made, self._work.failures)
        self._failing.add(position, failure)
        self._found.append(None)

    def _again(self, position: int) -> Any:
        self._failing.quarantine.retried += 1
        return self._called(position, position + 1)

    def _called(self, start: int, stop: int) -> Any:
        return _column_of(self._work, rows_of(self._batch, start, stop), self._allowed)

    def _batch_failed(self, error: BaseException, first_index: int) -> ItemFailed:
        from fanout_pipeline.engine.calls.withheld import failure_of

        policy = self._work.failures
        items = () if policy.record_items else self._items.readable()
        failure = failure_of(error, items, 1, policy)
        failure = replace(failure, item=f"the first of a batch of {len(self._batch):,} items")
        source = self._work.source
        return ItemFailed.of(failure.at(first_index, source), source)
