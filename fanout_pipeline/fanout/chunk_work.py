"""What is done with one chunk, by whichever worker has it: read, call, write the part, answer.

load bytes -> count -> parse -> function on each item -> column -> part file -> PartRecord
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from fanout_pipeline.fanout.calling import Append, appending
from fanout_pipeline.fanout.contract import ItemFailed, Work
from fanout_pipeline.fanout.failures import described, shown
from fanout_pipeline.fanout.numbering import Numbering, Stopped
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.sources.source import BadInput, Chunk

if TYPE_CHECKING:
    from fanout_pipeline.parts.column import Results

# A slice of calls between two looks at the clock, and at whether the run was stopped, takes about
# this long.
_SLICE_SECONDS = 0.02
# And it is so long at most that its items and results stay in a core's cache (see data-road.md).
_SLICE_ITEMS = 2048


class Laps:
    """Wall and CPU seconds of a chunk from each lap's end to the next, by the names of phases."""

    def __init__(self) -> None:
        self._wall: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        self._ended_cpu = time.thread_time()
        self.began = self.ended = time.perf_counter()

    def end(self, phase: str) -> None:
        """All since the last lap's end was this phase."""
        cpu, now = time.thread_time(), time.perf_counter()
        self._wall[phase], self.ended = now - self.ended, now
        self._cpu[phase], self._ended_cpu = cpu - self._ended_cpu, cpu

    def timed(self, part: PartRecord) -> PartRecord:
        """The part just written, with its times.

        By now its items and results have been given back, a lap's worth of time if they are
        Python objects.
        """
        self.end("write")
        return replace(
            part,
            read_seconds=self._wall["read"],
            call_seconds=self._wall["call"],
            write_seconds=self._wall["write"],
            wait_seconds=self._wall["wait"],
            call_cpu_seconds=self._cpu["call"],
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """As much of a chunk as was done in the time there was."""

    part: PartRecord
    rest: Chunk | None
    """What is left to do; None if nothing is."""

    def range(self, chunk: Chunk) -> tuple[int, int]:
        """From where to where of the source this is."""
        return chunk.start, chunk.stop if self.rest is None else self.rest.start

    def size(self, chunk: Chunk) -> int:
        """How much of the chunk this is, in units of the source."""
        start, stop = self.range(chunk)
        return stop - start


class RunPiece(Protocol):
    """`run_piece`, or `run_batch`, which does whole chunks only."""

    def __call__(
        self,
        work: Work,
        chunk: Chunk,
        numbering: Numbering,
        *,
        seconds: float = ...,
        stopped: Callable[[], bool] = ...,
        laps: Laps | None = ...,
    ) -> Piece: ...


def run_chunk(work: Work, chunk: Chunk, numbering: Numbering) -> PartRecord:
    """Turn a chunk into its part by calling the function on each item.

    Raises ItemFailed or BadInput.
    """
    return run_piece(work, chunk, numbering).part


def run_piece(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    *,
    seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
    laps: Laps | None = None,
) -> Piece:
    """The same, but no item is begun once the function has been called for so many seconds.

    One item is always done. `laps` is for callers that want to know its stamps. Raises ItemFailed,
    BadInput, or Stopped once `stopped()` says so.
    """
    laps = laps or Laps()
    piece = _by_item(work, chunk, numbering, seconds, stopped, laps)
    return replace(piece, part=laps.timed(piece.part))


def run_batch(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    *,
    seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
    laps: Laps | None = None,
) -> Piece:
    """Turn a chunk into its part by one call of the batch function, however long that takes."""
    laps = laps or Laps()
    return Piece(laps.timed(_as_batch(work, chunk, numbering, stopped, laps)), None)


def _by_item(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    seconds: float,
    stopped: Callable[[], bool],
    laps: Laps,
) -> Piece:
    # Arrow and NumPy, which the definitions of a strategy do without: see `road`.
    from fanout_pipeline.parts.column import Results
    from fanout_pipeline.parts.writing import write_part

    raw = work.source.load(chunk)
    numbering.counted(chunk, work.source.count(raw))
    items = _parsed(work.source.parse, raw, chunk, numbering)
    laps.end("read")
    results = Results(len(items))
    try:
        _call(work.function, items, results, stopped, laps.ended + seconds)
    except Exception as error:
        failed = described(error, shown(items[len(results)]))
        index = numbering.first_index(chunk) + len(results)
        raise ItemFailed(failed.at(index, work.source)) from error
    rest = None
    if len(results) < len(items):
        rest = work.source.rest(chunk, raw, len(results))
        numbering.counted(replace(chunk, stop=rest.start), len(results))
    laps.end("call")
    first_index = numbering.first_index(chunk)
    laps.end("wait")
    return Piece(write_part(work.folder, chunk.number, first_index, results), rest)


def _as_batch(
    work: Work, chunk: Chunk, numbering: Numbering, stopped: Callable[[], bool], laps: Laps
) -> PartRecord:
    assert work.batch_function is not None
    raw = work.source.load(chunk)
    numbering.counted(chunk, work.source.count(raw))
    items = _parsed(work.source.parse_batch, raw, chunk, numbering)
    laps.end("read")
    first_index = numbering.first_index(chunk)
    laps.end("wait")
    if stopped():
        raise Stopped
    try:
        results = work.batch_function(items)
        if len(results) != len(items):
            raise ValueError(
                f"the batch function made {len(results)} results of {len(items)} items"
            )
    except Exception as error:
        failed = described(error, f"the first of a batch of {len(items):,}")
        raise ItemFailed(failed.at(first_index, work.source)) from error
    column = _as_column(results)
    laps.end("call")
    from fanout_pipeline.parts.writing import write_part

    return write_part(work.folder, chunk.number, first_index, column)


def _call(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    results: Results,
    stopped: Callable[[], bool],
    until: float,
) -> None:
    """Append the result of each item that is begun before `until` (time.perf_counter).

    When it raises, `results` ends before the guilty item.
    """
    with appending(function) as append:
        _call_in_slices(append, items, results, stopped, until)


def _call_in_slices(
    append: Append,
    items: Sequence[Any],
    results: Results,
    stopped: Callable[[], bool],
    until: float,
) -> None:
    size = 1
    began = time.perf_counter()
    while len(results) < len(items) and (began < until or not results):
        if stopped():
            raise Stopped
        batch = items[len(results) : len(results) + size]
        expected = len(results) + len(batch)
        append(results, batch)
        if len(results) < expected:  # extend() took it for the end of the batch
            raise StopIteration("raised by the function")
        ended = time.perf_counter()
        if ended - began < _SLICE_SECONDS:
            size = min(2 * size, _SLICE_ITEMS)
        began = ended


def _parsed(
    parse: Callable[[bytes, int], Any], raw: bytes, chunk: Chunk, numbering: Numbering
) -> Any:
    """Parse; only where that fails is the chunk's place in the file worth waiting for."""
    try:
        return parse(raw, 0)
    except BadInput:
        return parse(raw, numbering.first_index(chunk))


def _as_column(results: Any) -> Any:
    """What a batch function may give (Series, NumPy or Arrow array, list) as what parts take."""
    import pyarrow

    if isinstance(results, pyarrow.ChunkedArray):
        return results.combine_chunks()
    dtype = getattr(results, "dtype", None)
    if dtype is None or isinstance(results, pyarrow.Array):
        return results
    if dtype.kind == "O":
        return list(results)
    return pyarrow.array(results, from_pandas=False)
