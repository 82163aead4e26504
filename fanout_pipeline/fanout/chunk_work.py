"""What is done with one chunk, by whichever worker has it: read, call, write the part, answer.

load bytes -> count -> parse -> function on each item -> column -> part file -> PartRecord
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow

from fanout_pipeline.fanout.contract import Failure, ItemFailed, Work
from fanout_pipeline.fanout.numbering import Numbering, Stopped
from fanout_pipeline.parts.column import Results
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.parts.writing import write_part
from fanout_pipeline.sources.source import BadInput, Chunk

# A slice of calls between two looks at whether the run was stopped takes about this long.
_SLICE_SECONDS = 0.05
# And it is so long at most that its items and results stay in a core's cache (see data-road.md).
_SLICE_ITEMS = 2048

# glibc's malloc gives freed memory back to the system, which hands it out again page by page, at 1.3 µs
# each: 15 ns an item. Of a block this large it learns to keep up to twice as much (mallopt(3),
# M_MMAP_THRESHOLD); nothing is written to it, so it takes no memory.
bytearray(16 * 2**20)


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


def run_chunk(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    stopped: Callable[[], bool] = lambda: False,
    laps: Laps | None = None,
) -> PartRecord:
    """Turn a chunk into its part by calling the function on each item.

    `laps` is for callers that want to know its stamps. Raises ItemFailed, BadInput, or Stopped
    once `stopped()` says so.
    """
    laps = laps or Laps()
    return laps.timed(_by_item(work, chunk, numbering, stopped, laps))


def run_chunk_as_batch(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    stopped: Callable[[], bool] = lambda: False,
    laps: Laps | None = None,
) -> PartRecord:
    """Turn a chunk into its part by one call of the batch function; else as `run_chunk`."""
    laps = laps or Laps()
    return laps.timed(_as_batch(work, chunk, numbering, stopped, laps))


def _by_item(
    work: Work, chunk: Chunk, numbering: Numbering, stopped: Callable[[], bool], laps: Laps
) -> PartRecord:
    raw = work.source.load(chunk)
    numbering.counted(chunk, work.source.count(raw))
    items = _parsed(work.source.parse, raw, chunk, numbering)
    laps.end("read")
    results = Results(len(items))
    try:
        _call(work.function, items, results, stopped)
    except Stopped:
        raise
    except Exception as error:
        failed = described(error, shown(items[len(results)]))
        index = numbering.first_index(chunk) + len(results)
        raise ItemFailed(failed.at(index, work.source)) from error
    laps.end("call")
    first_index = numbering.first_index(chunk)
    laps.end("wait")
    return write_part(work.folder, chunk.number, first_index, results)


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
    return write_part(work.folder, chunk.number, first_index, column)


def described(error: BaseException, item: str) -> Failure:
    """An exception of the user's function, in a form that can be sent and shown anywhere."""
    return Failure(
        item=item,
        error_type=type(error).__name__,
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
    )


def _call(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    results: Results,
    stopped: Callable[[], bool],
) -> None:
    """Append the result of each item. When it raises, `results` ends before the guilty item."""
    size = 1
    while len(results) < len(items):
        if stopped():
            raise Stopped
        began = time.perf_counter()
        batch = items[len(results) : len(results) + size]
        expected = len(results) + len(batch)
        results.extend(map(function, batch))
        if len(results) < expected:  # extend() took it for the end of the batch
            raise StopIteration("raised by the function")
        if time.perf_counter() - began < _SLICE_SECONDS:
            size = min(2 * size, _SLICE_ITEMS)


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
    if isinstance(results, pyarrow.ChunkedArray):
        return results.combine_chunks()
    dtype = getattr(results, "dtype", None)
    if dtype is None or isinstance(results, pyarrow.Array):
        return results
    if dtype.kind == "O":
        return list(results)
    return pyarrow.array(results, from_pandas=False)


def shown(item: object, limit: int = 60) -> str:
    """An item's repr, shortened."""
    try:
        text = repr(item)
    except ValueError:  # an integer with too many digits to print
        text = f"an integer of {item.bit_length():,} bits" if isinstance(item, int) else "?"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
