"""What is done with one chunk by the batch function: like `items`, but with one call for all items.

A batch that fails says nothing about its items. It is called again in halves, the first half first,
until a half of one item fails: that item is guilty. With one guilty item all calls together are of at most
three times the chunk's items; each further one adds log2(items) batches at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fanout_pipeline.engine.calls.batch_kinds import batch_of, rows_of
from fanout_pipeline.engine.calls.outcome import UNLIMITED, Control, Outcome
from fanout_pipeline.engine.calls.quarantine import Quarantine, unreadable_failures
from fanout_pipeline.engine.model.errors import (
    Failure,
    ItemFailed,
    Stopped,
    failure_from,
    reraise_interrupt,
    short_repr,
)
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.signals import interrupts_marked
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk, Items


def process_batch(work: Work, chunk: Chunk, control: Control = UNLIMITED) -> Outcome:
    """Call the batch function once on all items of a chunk, however long that takes, and write the part.

    Raises ItemFailed, BadInput, or Stopped.
    """
    stopwatch = Stopwatch()
    part = stopwatch.timed(_called(work, chunk, control.stopped, stopwatch))
    return Outcome(part, None, stopwatch.began, stopwatch.ended)


def _called(
    work: Work, chunk: Chunk, stopped: Callable[[], bool], stopwatch: Stopwatch
) -> PartRecord:
    assert work.batch_function is not None
    items = work.source.read(chunk)
    unreadable = unreadable_failures(work, items)
    batch, first_index = batch_of(items, work.batch_function), items.first_index
    stopwatch.end("read")
    if stopped():
        raise Stopped
    quarantine = Quarantine(work, items, stopwatch)
    with quarantine, interrupts_marked():
        failing = _Failing(quarantine, unreadable)
        try:
            # A chunk in which no item begins is ordinary, and many a function takes no empty batch.
            column = _column_of(work, batch) if len(batch) else []
        except BaseException as error:
            reraise_interrupt(error)
            halves = _InHalves(work, batch, items, failing, stopped)
            column = halves.column(error, first_index)
        failing.add_rest()
    if unreadable and not work.failures.omits:
        column = with_nulls(column, unreadable)
    stopwatch.end("call")
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


def _column_of(work: Work, items: Any) -> Any:
    """The results of a batch as what parts take. Raises WrongType where one is not of the stated type."""
    assert work.batch_function is not None
    column = _as_column(call_checked(work.batch_function, items))
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
        self._quarantine = quarantine
        self._unreadable = deque(unreadable.items())
        self._before = 0
        """How many unreadable items come before the item that failed last."""

    def add(self, position: int, failure: Failure) -> None:
        """An item has failed; by its position in the batch, ascending."""
        while self._unreadable and self._unreadable[0][0] <= position + self._before:
            self._quarantine.add(*self._unreadable.popleft())
            self._before += 1
        self._quarantine.add(position + self._before, failure)

    def add_rest(self) -> None:
        """No further item has failed."""
        for position, failure in self._unreadable:
            self._quarantine.add(position, failure)


class _InHalves:
    """A chunk whose batch has failed."""

    def __init__(
        self,
        work: Work,
        batch: Any,
        items: Items,
        failing: _Failing,
        stopped: Callable[[], bool],
    ):
        self._work = work
        self._batch = batch
        self._items = items
        self._failing = failing
        self._stopped = stopped
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
            try:
                column = self._called(begin, end)
            except BaseException as failed:
                reraise_interrupt(failed)
                self._split(begin, end, failed)
            else:
                self._found.append(column)

    def _single(self, position: int, error: BaseException) -> None:
        from fanout_pipeline.engine.calls.retry import FAILED, Tries

        tries = Tries(self._work.failures, error)
        column = tries.repeat(lambda: self._called(position, position + 1), self._stopped)
        if column is not FAILED:
            self._found.append(column)
            return
        item = short_repr(self._items.readable()[position])
        failure = failure_from(tries.error, item, tries.made)
        self._failing.add(position, failure)
        self._found.append(None)

    def _called(self, start: int, stop: int) -> Any:
        return _column_of(self._work, rows_of(self._batch, start, stop))

    def _batch_failed(self, error: BaseException, first_index: int) -> ItemFailed:
        failure = failure_from(error, f"the first of a batch of {len(self._batch):,} items")
        return ItemFailed(failure.at(first_index, self._work.source))


def joined(columns: list[Any]) -> Any:
    """Columns in one, of the type that they have in common; None stands for one null."""
    import pyarrow

    kinds = {getattr(column, "type", list) for column in columns if column is not None}
    if len(kinds) == 1 and (kind := kinds.pop()) is not list:
        null = pyarrow.nulls(1, kind)
        return pyarrow.concat_arrays([null if one is None else one for one in columns])
    values: list[Any] = []
    for one in columns:
        values += [None] if one is None else getattr(one, "to_pylist", lambda: one)()  # noqa: B023
    return values


def with_nulls(column: Any, positions: Iterable[int]) -> Any:
    """The column with a null inserted at each of these positions, ascending."""
    import pyarrow

    nulls = dict.fromkeys(positions)
    if isinstance(column, pyarrow.Array):
        return column.take(pyarrow.array(_put_in(range(len(column)), nulls), pyarrow.int64()))
    return _put_in(column, nulls)


def _put_in(values: Sequence[Any], others: Mapping[int, Any]) -> list[Any]:
    """The values with others inserted, so that each of those has the position that it is keyed by.

    The positions ascend.
    """
    whole: list[Any] = []
    taken = 0
    for number, (position, other) in enumerate(others.items()):
        whole += values[taken : position - number]
        whole.append(other)
        taken = position - number
    whole += values[taken:]
    return whole


def _as_column(results: Any) -> Any:
    """What a batch function may return as what parts take.

    A Series, a NumPy or Arrow array, or a list; a DataFrame or an Arrow table is a dict for each row.
    """
    import numpy
    import pyarrow

    if hasattr(results, "columns") and hasattr(results, "to_dict"):  # a DataFrame
        frame, results = results, pyarrow.Table.from_pandas(results, preserve_index=False)
        for number, dtype in enumerate(frame.dtypes):
            if (
                isinstance(dtype, numpy.dtype) and dtype.kind == "f"
            ):  # in which NaN is a number, as in a Series
                column = pyarrow.array(frame.iloc[:, number], from_pandas=False)
                results = results.set_column(number, results.schema.names[number], column)
    if isinstance(results, pyarrow.Table | pyarrow.RecordBatch):
        results = results.to_struct_array()
    if isinstance(results, pyarrow.ChunkedArray):
        return results.combine_chunks()
    dtype = getattr(results, "dtype", None)
    if dtype is None or isinstance(results, pyarrow.Array):
        return results
    if dtype.kind == "O":
        if isinstance(dtype, numpy.dtype):
            return list(results)
        # pandas' own dtypes of Python values, that of str among them, say themselves what is missing.
        missing = results.isna()
        return [None if gone else value for value, gone in zip(results, missing, strict=True)]
    return pyarrow.array(results, from_pandas=False)
