"""What is done with one chunk, by whichever worker has it: read, call, write the part, answer.

load bytes -> count -> parse -> function on each item -> column -> part file -> PartRecord
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow

from fanout_pipeline.fanout.contract import Failure, ItemFailed, Work
from fanout_pipeline.fanout.numbering import Numbering, Stopped
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.parts.writing import write_part
from fanout_pipeline.sources.source import BadInput, Chunk

# A slice of calls between two looks at whether the run was stopped takes about this long.
_SLICE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Called:
    """When a chunk whose results are there began, was parsed and was called."""

    began: float
    parsed: float
    called: float
    call_cpu_seconds: float


def run_chunk(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    stopped: Callable[[], bool] = lambda: False,
) -> PartRecord:
    """Turn a chunk into its part by calling the function on each item.

    Raises ItemFailed, BadInput, or Stopped once `stopped()` says so.
    """
    began = time.perf_counter()
    raw = work.source.load(chunk)
    numbering.counted(chunk, work.source.count(raw))
    items = _parsed(work.source.parse, raw, chunk, numbering)
    parsed, cpu_parsed = time.perf_counter(), time.thread_time()
    results: list[Any] = []
    try:
        _call(work.function, items, results, stopped)
    except Stopped:
        raise
    except Exception as error:
        failed = described(error, shown(items[len(results)]))
        index = numbering.first_index(chunk) + len(results)
        raise ItemFailed(failed.at(index, work.source)) from error
    called = _Called(began, parsed, time.perf_counter(), time.thread_time() - cpu_parsed)
    return _written(work, chunk, numbering, results, called)


def run_chunk_as_batch(work: Work, chunk: Chunk, numbering: Numbering) -> PartRecord:
    """Turn a chunk into its part by one call of the batch function."""
    assert work.batch_function is not None
    began = time.perf_counter()
    raw = work.source.load(chunk)
    numbering.counted(chunk, work.source.count(raw))
    items = _parsed(work.source.parse_batch, raw, chunk, numbering)
    parsed, cpu_parsed = time.perf_counter(), time.thread_time()
    try:
        results = work.batch_function(items)
        if len(results) != len(items):
            raise ValueError(
                f"the batch function made {len(results)} results of {len(items)} items"
            )
    except Exception as error:
        failed = described(error, f"the first of a batch of {len(items):,}")
        raise ItemFailed(failed.at(numbering.first_index(chunk), work.source)) from error
    column = _as_column(results)
    called = _Called(began, parsed, time.perf_counter(), time.thread_time() - cpu_parsed)
    return _written(work, chunk, numbering, column, called)


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
    results: list[Any],
    stopped: Callable[[], bool],
) -> None:
    """Append the result of each item. When it raises, `results` ends before the guilty item."""
    size = 1
    while len(results) < len(items):
        if stopped():
            raise Stopped
        began = time.perf_counter()
        # extend() keeps what the iterator gave before it raised.
        batch = items[len(results) : len(results) + size]
        expected = len(results) + len(batch)
        results.extend(map(function, batch))
        if len(results) < expected:  # extend() took it for the end of the batch
            raise StopIteration("raised by the function")
        if time.perf_counter() - began < _SLICE_SECONDS:
            size *= 2


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


def _written(
    work: Work,
    chunk: Chunk,
    numbering: Numbering,
    results: Sequence[Any],
    times: _Called,
) -> PartRecord:
    first_index = numbering.first_index(chunk)
    numbered = time.perf_counter()
    part = write_part(work.folder, chunk.number, first_index, results)
    return replace(
        part,
        read_seconds=times.parsed - times.began,
        call_seconds=times.called - times.parsed,
        wait_seconds=numbered - times.called,
        write_seconds=time.perf_counter() - numbered,
        call_cpu_seconds=times.call_cpu_seconds,
    )


def shown(item: object, limit: int = 60) -> str:
    """An item's repr, shortened."""
    try:
        text = repr(item)
    except ValueError:  # an integer with too many digits to print
        text = f"an integer of {item.bit_length():,} bits" if isinstance(item, int) else "?"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
