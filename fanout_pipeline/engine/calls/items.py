"""What is done with one chunk, whichever process or thread has it: read, call, write the part.

read -> parse a piece -> the function on each item, in slices -> results -> part file -> PartRecord
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.allowing import Allowing, allowing
from fanout_pipeline.engine.calls.invoke import Append, appending
from fanout_pipeline.engine.calls.outcome import UNLIMITED, Control, Outcome
from fanout_pipeline.engine.calls.quarantine import Quarantine, unreadable_failures
from fanout_pipeline.engine.model.errors import (
    Failure,
    Spent,
    Stopped,
    reraise_interrupt,
    short_repr,
)
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.buffer import ResultBuffer
from fanout_pipeline.sources.source import Chunk

_SLICE_SECONDS = 0.02
"""A slice of calls takes about this long: between two slices the clock is read, and whether to stop."""
_SLICE_ITEMS = 2048
"""The most items in a slice, so that they and their results stay in a core's cache (see data-road.md)."""
_SLOW_SECONDS = 5e-6
"""From this time an item on, announcing each (0.1 µs) costs less than 2 %."""


def process_chunk(
    work: Work,
    chunk: Chunk,
    control: Control = UNLIMITED,
    finish: Callable[[Quarantine, Any], PartRecord] = Quarantine.part,
) -> Outcome:
    """Call the function on each item of a chunk, as far as `control` lets it, and have `finish` make the part.

    Raises ItemFailed, BadInput, or Stopped, unless some items were done before: the outcome is of these then, and
    has the error. Raises Spent where a budget allows no call at all.
    """
    stopwatch = Stopwatch()
    part, rest, error = _called(work, chunk, control, finish, stopwatch)
    # Freeing the items and results, which takes a while if they are Python objects, is part of writing.
    part = stopwatch.timed(part)
    times = stopwatch.began, stopwatch.ended, stopwatch.import_seconds
    return Outcome(part, rest, *times, error)


def _called(
    work: Work,
    chunk: Chunk,
    control: Control,
    finish: Callable[[Quarantine, Any], PartRecord],
    stopwatch: Stopwatch,
) -> tuple[PartRecord, Chunk | None, BaseException | None]:
    """The part, what is left of the chunk, and what has ended the calls, if something has."""
    items = work.source.read(chunk)
    first_index = items.first_index  # To look it up is reading.
    if control.recorder is not None:
        control.recorder.first_index = first_index
    stopwatch.end("read")
    stays = work.generation.in_memory and finish is Quarantine.part
    results: ResultBuffer | list[Any] = [] if stays else ResultBuffer()
    quarantine = Quarantine(work, items, stopwatch)
    with quarantine, appending(work.function, stopwatch.spent_elsewhere) as append:
        calls = _Calls(append, results, quarantine, control, allowing(work, control, stopwatch))
        until = stopwatch.ended + control.seconds
        error = None
        try:
            for piece in items.pieces():
                failed = unreadable_failures(work, piece)
                if control.failure is not None:
                    failed = {0: control.failure, **failed}
                calls.take(piece.values, failed)
                stopwatch.end("read")
                is_whole = calls.make(until)
                stopwatch.end("call")
                if not is_whole:
                    break
        except BaseException as ended:
            if not calls.done:
                raise
            error = ended
    rest = items.rest(calls.done) if calls.done < len(items) else None
    stopwatch.end("call")
    try:
        return finish(quarantine, results), rest, error
    except Exception:
        if error is not None:
            raise error from None
        raise


class _Calls:
    """The calls of one chunk's items, piece by piece, in slices, and what is done about those that fail."""

    def __init__(
        self,
        append: Append,
        results: ResultBuffer | list[Any],
        quarantine: Quarantine,
        control: Control,
        allowing: Allowing | None = None,
    ):
        """`results`: one for each item, but for those that failed where the policy omits these."""
        self.append = append
        self.results = results
        self.quarantine = quarantine
        self.control = control
        self.allowing = allowing
        self.items: Sequence[Any] = ()
        """The items of the current piece."""
        self.known_failed: Mapping[int, Failure] = {}
        """Those of them that are not called because they have failed, by their positions."""
        self.before = 0
        """How many items of the chunk come before the current piece."""
        self._size = 1
        """How many items are in the next slice."""

    def take(self, items: Sequence[Any], known_failed: Mapping[int, Failure]) -> None:
        """The next piece; all before it are done."""
        self.items, self.known_failed, self.before = items, known_failed, self.done

    @property
    def done(self) -> int:
        """How many items of the chunk were done."""
        omitted = len(self.quarantine.positions) if self.quarantine.policy.omits else 0
        return len(self.results) + omitted

    def make(self, until: float) -> bool:
        """Append the result of each item that is begun before `until` (time.perf_counter); at least one is.

        Returns whether the piece was done. Raises ItemFailed or Stopped; Spent where a budget allows no call at all.
        """
        try:
            return self._make(until)
        except Spent:
            if not self.done:
                raise
            return False

    def _make(self, until: float) -> bool:
        append, items, results, control = self.append, self.items, self.results, self.control
        recorder = control.recorder
        done, size, slow = 0, self._size, True
        known_failed = iter(sorted(self.known_failed))
        stop = next(known_failed, len(items))
        began = time.perf_counter()
        while done < len(items) and (began < until or not done + self.before):
            if control.stopped():
                raise Stopped
            if done == stop:
                self._quarantine(done, self.known_failed[done])
                done += 1
                stop = next(known_failed, len(items))
                began = time.perf_counter()
                continue
            batch = self._slice(items[done : min(done + size, stop)], until)
            if not batch:
                break
            before, at, allowed = len(results), done, len(batch)
            try:
                append(results, self._announced(batch, done, slow))
                if len(results) - before < len(
                    batch
                ):  # extend() took this for the end of the batch
                    raise StopIteration("raised by the function")
            except BaseException as error:
                reraise_interrupt(error)
                done += len(results) - before
                self._failed(done, error)
                done += 1
            else:
                done += len(results) - before  # The slice may have been cut short: see `Cutting`.
            if self.allowing is not None and done - at < allowed:
                self.allowing.limiter.give_back(allowed - (done - at))
            ended = time.perf_counter()
            took = ended - began
            size = _next_size(size, took)
            slow = took >= _SLOW_SECONDS * len(batch)
            began = ended
        if recorder:
            recorder.rest()
        self._size = size
        return done == len(items)

    def _slice(self, items: Sequence[Any], until: float) -> Sequence[Any]:
        """As many of the next items as may be called; none where that is too late. Raises Spent.

        As a list of its own where somebody looks on, and may cut it short.
        """
        if self.allowing is not None:
            items = items[: self.allowing.take(len(items), until if self.done else None)]
        if self.control.recorder is None or type(items) is list:
            return items
        return list(items)

    def _announced(self, batch: Sequence[Any], first: int, slow: bool) -> Iterable[Any]:
        recorder = self.control.recorder
        if recorder is None:
            return batch
        recorder.follow(self.results, self.before + first)
        return recorder.announced(batch, self.before + first, slow)

    def _failed(self, position: int, error: BaseException) -> None:
        """Retry the item as the policy says, and put it into quarantine if that fails."""
        from fanout_pipeline.engine.calls.retry import FAILED, Tries

        if self.control.recorder:
            self.control.recorder.rest()
        limiter = None if self.allowing is None else self.allowing.limiter
        tries = Tries(self.quarantine.policy, error, limiter)
        if tries.repeat(lambda: self._again(position), self.control.stopped) is FAILED:
            from fanout_pipeline.engine.calls.withheld import failure_of

            how = tries.made, self.quarantine.policy
            self._quarantine(position, failure_of(tries.error, self.items[position], *how))

    def _quarantine(self, position: int, failure: Failure) -> None:
        if not failure.item and self.quarantine.policy.record_items:
            failure = replace(failure, item=short_repr(self.items[position]))
        self.quarantine.add(self.before + position, failure)
        if not self.quarantine.policy.omits:
            self.results.append(None)

    def _again(self, position: int) -> None:
        if self.allowing is not None:
            self.allowing.take(1)
        self.quarantine.retried += 1
        before, recorder = len(self.results), self.control.recorder
        if recorder:
            recorder.follow(self.results, self.before + position)
            recorder.again(self.before + position)
        try:
            self.append(self.results, self.items[position : position + 1])
        finally:
            if recorder:
                recorder.rest()
        if len(self.results) == before:
            raise StopIteration("raised by the function")


def _next_size(size: int, took: float) -> int:
    """How many items to have in a slice after one of `size` that took so many seconds."""
    if took < _SLICE_SECONDS:
        return min(2 * size, _SLICE_ITEMS)
    if took > 2 * _SLICE_SECONDS:
        return max(1, int(size * _SLICE_SECONDS / took))
    return size
