"""Calls of an async function in flight beside each other, in the event loop of this process.

The loop has a thread of its own and does nothing but call (see `event_loop`). The crew's thread reads
chunks and writes parts beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fanout_pipeline.engine.calls.concurrent import Calls, InFlight
from fanout_pipeline.engine.calls.event_loop import served
from fanout_pipeline.engine.calls.indexing import CountedRanges
from fanout_pipeline.engine.calls.quarantine import write_marked
from fanout_pipeline.engine.calls.records import read_items
from fanout_pipeline.engine.functions.fingerprint import function_name
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import is_async
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy, Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import numbered
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

_SMALL_CHUNK = 64 * 2**10
"""Some 10,000 short items, at 15 µs each in the loop, so that parts are written and progress is seen
about every 0.15 s, also where the calls do not wait."""
_LARGE_CHUNK = 2**20
"""Half of what others have in memory at a time, for here are three."""
_CHUNKS = 1000
"""Into so many an input is cut, where that makes them neither small nor large."""
_OPEN_CHUNKS = 3
"""In memory at a time, at most: one whose last calls are in flight, one whose items are being
pulled, and one read ahead or being written. More only where they are short of items."""


class _EventLoop(Crew):
    def __init__(self, concurrency: int):
        self._concurrency = concurrency

    def run(self, work: Work, progress: Progress) -> Ran:
        timeline = WorkerTimeline(time.perf_counter())
        if not is_async(work.function):
            raise TypeError(
                f"The strategy asyncio awaits its calls, and {function_name(work.function)} is no "
                "`async def` function. Make it one, or use threads."
            )
        size = sum(chunk.stop - chunk.start for chunk in work.chunks)
        largest = min(max(_SMALL_CHUNK, size // _CHUNKS), _LARGE_CHUNK)
        plan = ChunkPlan(work.chunks, 1, work.fixed, largest=largest, given=work.first_number)
        progress.begin(plan.size)
        with served() as loop:
            calls = InFlight(work, loop.loop, self._concurrency, timeline)
            running = loop.submit(calls.run(), calls.end)
            try:
                parts = self._read_and_write(work, plan, calls, progress)
                running.wait()
            except BaseException:
                calls.stop()
                running.give_up()
                raise
        timeline.until(time.perf_counter(), "write")
        return Ran(parts.in_order(), (timeline,))

    def _read_and_write(
        self, work: Work, plan: ChunkPlan, calls: InFlight, progress: Progress
    ) -> PartCollector:
        """The parts that were written until all chunks were, or the calls ended before."""
        parts = numbered(work)
        ranges = CountedRanges(work.finished)
        chunk = plan.take()
        if chunk is None:
            calls.add(None)
        read = written = 0
        begun: dict[int, tuple[Chunk, float]] = {}
        while True:
            while chunk is not None and (
                len(begun) < _OPEN_CHUNKS or read - written < 2 * self._concurrency
            ):
                began = time.perf_counter()
                # All before it is counted: chunks are read in order, and what lies between is
                # finished.
                first_index = ranges.first_index(chunk)
                assert first_index is not None
                found = read_items(work, work.source.load(chunk), first_index)
                items, failed = found.items, found.located(first_index, work.source)
                ranges.add(chunk, len(items))
                begun[chunk.number] = chunk, time.perf_counter() - began
                calls.add(Calls(chunk.number, first_index, items, failed))
                read += len(items)
                chunk = plan.take()
                if chunk is None:
                    calls.add(None)
            done = calls.next_complete()
            if done is None:
                return parts
            done_chunk, read_seconds = begun.pop(done.number)
            part = _written(work, done, read_seconds)
            parts.add(done_chunk.start, done_chunk.stop, part)
            written += part.items
            progress.done(part.items, done_chunk.stop - done_chunk.start)

    def usage(self) -> list[ProcessUsage]:
        return []


def _written(work: Work, calls: Calls, read_seconds: float) -> PartRecord:
    began = time.perf_counter()
    part = write_marked(work, calls.number, calls.first_index, calls.results)
    return replace(
        part,
        read_seconds=read_seconds,
        call_seconds=calls.call_seconds,
        write_seconds=time.perf_counter() - began,
        call_cpu_seconds=calls.call_cpu_seconds,
    )


@contextmanager
def start(options: Options) -> Iterator[_EventLoop]:
    with served():
        yield _EventLoop(options.concurrency)


STRATEGY = Strategy(
    name="asyncio",
    description="Awaits an async function for many items beside each other, in one event loop of "
    "the step's own process, up to a concurrency limit. Pays for functions that wait.",
    start=start,
    single=True,
    awaits=True,
    lacks=frozenset(),
)
