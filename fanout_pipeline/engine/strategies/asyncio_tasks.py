"""Concurrent calls of an async function in the event loop of this process.

The loop has a thread of its own and does nothing but call (see `event_loop`). Meanwhile the crew's thread reads
chunks and writes parts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.calls.quarantine import Quarantine, unreadable_failures
from fanout_pipeline.engine.calls.setup import opened
from fanout_pipeline.engine.calls.typed import stated
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.manifest import PartRecord

if TYPE_CHECKING:  # Runs that await nothing do without asyncio: 20 ms.
    from fanout_pipeline.engine.calls.calls_of_chunk import Calls
    from fanout_pipeline.engine.calls.concurrent import InFlight

SMALL_SHARE = 1 / 32
"""The smallest share of the source's largest chunk that is given out: some 10,000 short lines, at 15 µs each in the
loop, so that parts are written and progress is seen about every 0.15 s, also where the calls do not wait."""
_LARGE_SHARE = 1 / 2
"""The largest share of the source's largest chunk that is given out, for up to three chunks are in memory."""
CHUNKS = 1000
"""Number of chunks to cut an input into, where that makes them neither too small nor too large."""
_OPEN_CHUNKS = 3
"""The most chunks in memory at a time: one whose last calls are in flight, one whose items are being
pulled, and one read ahead or being written. There are more only where they are short of items."""


class _EventLoop(Crew):
    def __init__(self, concurrency: int):
        self._concurrency = concurrency

    def run(self, work: Work, progress: Progress) -> Ran:
        from fanout_pipeline.engine.calls.concurrent import InFlight
        from fanout_pipeline.engine.calls.event_loop import served
        from fanout_pipeline.engine.calls.loop_thread import Call

        timeline = WorkerTimeline(time.perf_counter())
        if not is_async(work.function):
            raise TypeError(
                f"The strategy asyncio awaits its calls, but {function_name(stated(work.function))} is not an "
                "`async def` function. Make it one, or use threads."
            )
        size, most = sum(chunk.size for chunk in work.chunks), work.source.CHUNK_SIZE
        largest = round(min(max(SMALL_SHARE * most, size / CHUNKS), _LARGE_SHARE * most)) or 1
        plan = ChunkPlan.of(work, 1, largest=largest)
        progress.begin(plan.expected_size)
        parts = part_collector(work)
        begun: dict[int, Calls] = {}
        with served() as loop, ExitStack() as stack:
            value = work.setup and stack.enter_context(opened(work.setup, awaits=True))
            calls = InFlight(work, loop.loop, self._concurrency, timeline, value)
            running = Call(loop, calls.run(), calls.end)
            try:
                running.submit()
                if work.arrivals is not None:
                    work.arrivals.listen(calls.arrived)
                self._read_and_write(work, plan, calls, progress, parts, begun)
                running.wait()
                if calls.is_spent:
                    _write_done(work, plan, begun.values(), parts, progress)
            except BaseException:
                calls.stop()
                running.give_up()
                with suppress(Exception):
                    _write_done(work, plan, begun.values(), parts, progress)
                raise
            timeline.until(time.perf_counter(), "write")
        timeline.until(time.perf_counter(), "stop")
        return Ran(parts.in_order(), (timeline,))

    def _read_and_write(
        self,
        work: Work,
        plan: ChunkPlan,
        calls: InFlight,
        progress: Progress,
        parts: PartCollector,
        begun: dict[int, Calls],
    ) -> None:
        """Collect the parts of all chunks, or of those that were done when the calls ended; others are in `begun`."""
        from fanout_pipeline.engine.calls.calls_of_chunk import Calls
        from fanout_pipeline.engine.calls.concurrent import Arrived

        read = written = 0
        read_seconds: dict[int, float] = {}
        """Of chunks in memory, by their numbers."""
        all_added = False
        while True:
            while not all_added and (
                len(read_seconds) < _OPEN_CHUNKS or read - written < 2 * self._concurrency
            ):
                chunk = plan.take()
                if chunk is None:
                    all_added = not plan.awaits
                    if all_added:
                        calls.add(None)
                    break
                began = time.perf_counter()
                items = work.source.read(chunk)
                found = Calls(items, unreadable_failures(work, items))
                read_seconds[chunk.number] = time.perf_counter() - began
                if len(items):
                    calls.ready()
                begun[chunk.number] = found
                calls.add(found)
                read += len(items)
            done = calls.next_complete()
            if done is None:
                return
            if isinstance(done, Arrived):
                plan.arrive()
                if plan.is_cut_off and work.arrivals is not None:
                    # Chunks are not cut short here: to finish those that were begun may take long.
                    work.arrivals.require_all()
                continue
            part = _written(work, done, read_seconds.pop(done.chunk.number))
            del begun[done.chunk.number]
            parts.add(done.chunk.start, done.chunk.stop, part)
            written += part.items
            progress.done(part.items, done.chunk.size)

    def usage(self) -> list[ProcessUsage]:
        return []


def _write_done(
    work: Work,
    plan: ChunkPlan,
    unfinished: Iterable[Calls],
    parts: PartCollector,
    progress: Progress,
) -> None:
    """Write what is done of chunks that were begun, and are not finished, in parts of their own."""
    from fanout_pipeline.engine.calls.calls_of_chunk import Calls

    for chunk, results, failed in [one for calls in unfinished for one in calls.done()]:
        calls = Calls(work.source.read(plan.numbered(chunk.start, chunk.stop)), failed)
        calls.results = results
        part = _written(work, calls, 0.0)
        parts.add(chunk.start, chunk.stop, part)
        progress.done(part.items, chunk.size)


def _written(work: Work, calls: Calls, read_seconds: float) -> PartRecord:
    began = time.perf_counter()
    failed = calls.failed
    quarantine = Quarantine(work, calls.read, Stopwatch())
    quarantine.retried = calls.retried
    with quarantine:
        for position in sorted(failed):
            quarantine.add(position, failed[position])
    results = calls.results
    if failed and work.failures.omits:
        results = [one for position, one in enumerate(results) if position not in failed]
    part = quarantine.part(results)
    return replace(
        part,
        read_seconds=read_seconds,
        call_seconds=calls.call_seconds,
        write_seconds=time.perf_counter() - began,
        call_cpu_seconds=calls.call_cpu_seconds,
    )


@contextmanager
def start(options: Options) -> Iterator[_EventLoop]:
    from fanout_pipeline.engine.calls.event_loop import served

    with served():
        yield _EventLoop(options.concurrency)


STRATEGY = Strategy(
    name="asyncio",
    description="Awaits an async function for many items concurrently, in one event loop of the step's "
    "own process, up to a limit. Pays off for functions that wait.",
    start=start,
    single=True,
    awaits=True,
    lacks=frozenset(),
)
