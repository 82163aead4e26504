"""What is done with one chunk, by whichever worker has it: read, call, write the part, answer.

load bytes -> count -> parse -> function on each item -> column -> part file -> PartRecord
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.calls.invoke import Append, appending
from fanout_pipeline.engine.calls.outcome import Outcome
from fanout_pipeline.engine.calls.quarantine import Quarantine
from fanout_pipeline.engine.calls.records import NONE_FAILED, read_items
from fanout_pipeline.engine.model.errors import (
    Failure,
    Stopped,
    failure_from,
    require_failed,
    short_repr,
)
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.engine.timing.stopwatch import AnyTimed, Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.buffer import Results
from fanout_pipeline.sources.source import Chunk

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.call_log import Recorder

# A slice of calls between two looks at the clock, and at whether the run was stopped, takes about
# this long.
_SLICE_SECONDS = 0.02
# And it is so long at most that its items and results stay in a core's cache (see data-road.md).
_SLICE_ITEMS = 2048
# From here on the cost of announcing an item, 0.1 µs, is under 2 %.
_SLOW_SECONDS = 5e-6


def run_chunk(work: Work, chunk: Chunk) -> PartRecord:
    """Turn a chunk into its part by calling the function on each item.

    Raises ItemFailed or BadInput.
    """
    return run_piece(work, chunk).part


def run_piece(
    work: Work,
    chunk: Chunk,
    *,
    seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
    stopwatch: Stopwatch | None = None,
    recorder: Recorder | None = None,
    known_failed: Mapping[int, Failure] = NONE_FAILED,
    finish: Callable[[Quarantine, Results], AnyTimed] = Quarantine.part,  # type: ignore[assignment]
) -> Outcome[AnyTimed]:
    """The same, but no item is begun once the function has been called for so many seconds.

    One item is always done. `laps` is for callers that want to know its stamps. `recorder` is told of the
    calls. Items of `known_failed` are not called, they have failed; by their positions in the
    chunk. `finish` makes the part of the results. Raises ItemFailed, BadInput, or Stopped once `stopped()` says so.
    """
    stopwatch = stopwatch or Stopwatch()
    piece = _by_item(work, chunk, seconds, stopped, stopwatch, recorder, known_failed, finish)
    return _timed(piece, stopwatch)


def _timed(piece: Outcome[AnyTimed], stopwatch: Stopwatch) -> Outcome[AnyTimed]:
    # Not in `_by_item`, whose items and results are given back by now.
    return replace(piece, part=stopwatch.timed(piece.part), import_seconds=stopwatch.import_seconds)


def _by_item(
    work: Work,
    chunk: Chunk,
    seconds: float,
    stopped: Callable[[], bool],
    stopwatch: Stopwatch,
    recorder: Recorder | None,
    known_failed: Mapping[int, Failure],
    finish: Callable[[Quarantine, Results], AnyTimed],
) -> Outcome[AnyTimed]:
    raw = work.source.load(chunk)
    first_index = work.source.first_index(chunk)
    items, unreadable = read_items(work, raw, first_index)
    if recorder:
        recorder.first_index = first_index
    stopwatch.end("read")
    results = Results()
    quarantine = Quarantine(work, chunk, first_index, stopwatch)
    failed = {**known_failed, **unreadable}
    with quarantine, appending(work.function, stopwatch.spent_elsewhere) as append:
        calls = _Calls(append, items, results, work.failures, quarantine, stopped, recorder, failed)
        done = calls.make(stopwatch.ended + seconds)
    rest = work.source.rest(chunk, raw, done) if done < len(items) else None
    stopwatch.end("call")
    return Outcome(finish(quarantine, results), rest)


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls of one chunk's items, in slices, and what is done about those that fail."""

    append: Append
    items: Sequence[Any]
    results: Results
    """Has no place for an item that failed, where these are left out: it may be short of items."""
    policy: FailurePolicy
    quarantine: Quarantine
    stopped: Callable[[], bool]
    recorder: Recorder | None
    known_failed: Mapping[int, Failure]

    def make(self, until: float) -> int:
        """Append the result of each item that is begun before `until` (time.perf_counter).

        At least one is. Gives how many items were done. Raises ItemFailed or Stopped.
        """
        append, items, results, recorder = self.append, self.items, self.results, self.recorder
        done, size, slow = 0, 1, True
        known_failed = iter(sorted(self.known_failed))
        stop = next(known_failed, len(items))
        began = time.perf_counter()
        while done < len(items) and (began < until or not done):
            if self.stopped():
                raise Stopped
            if done == stop:
                self._quarantine(done, self.known_failed[done])
                done += 1
                stop = next(known_failed, len(items))
                began = time.perf_counter()
                continue
            batch = items[done : min(done + size, stop)]
            before = len(results)
            try:
                append(results, self._announced(batch, done, slow))
                if len(results) - before < len(batch):  # extend() took it for the end of the batch
                    raise StopIteration("raised by the function")
            except BaseException as error:
                require_failed(error)
                done += len(results) - before
                self._failed(done, error)
                done += 1
            else:
                done += len(batch)
            ended = time.perf_counter()
            took = ended - began
            if took < _SLICE_SECONDS:
                size = min(2 * size, _SLICE_ITEMS)
            elif took > 2 * _SLICE_SECONDS:
                size = max(1, int(size * _SLICE_SECONDS / took))
            slow = took >= _SLOW_SECONDS * len(batch)
            began = ended
        if recorder:
            recorder.rest()
        return done

    def _announced(self, batch: Sequence[Any], first: int, slow: bool) -> Iterable[Any]:
        if self.recorder is None:
            return batch
        self.recorder.follow(self.results, first)
        return self.recorder.announced(batch, first, slow)

    def _failed(self, position: int, error: BaseException) -> None:
        """Call the item again as often as is worth it; else put it into quarantine."""
        from fanout_pipeline.engine.calls.retry import IN_VAIN, Tries

        if self.recorder:
            self.recorder.rest()
        tries = Tries(self.policy, error)
        if tries.repeat(lambda: self._again(position), self.stopped) is IN_VAIN:
            self._quarantine(position, failure_from(tries.error, "", tries.made))

    def _quarantine(self, position: int, failure: Failure) -> None:
        item = failure.item or short_repr(self.items[position])
        self.quarantine.add(position, replace(failure, item=item))
        if not self.policy.omits:
            self.results.append(None)

    def _again(self, position: int) -> None:
        before = len(self.results)
        if self.recorder:
            self.recorder.follow(self.results, position)
            self.recorder.again(position)
        try:
            self.append(self.results, self.items[position : position + 1])
        finally:
            if self.recorder:
                self.recorder.rest()
        if len(self.results) == before:
            raise StopIteration("raised by the function")
