"""A crew that runs in the calling process and thread, without workers of its own."""

from __future__ import annotations

import time

from fanout_pipeline.engine.calls.invoke import awaited_aside
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control, ProcessChunk
from fanout_pipeline.engine.calls.setup import given
from fanout_pipeline.engine.model.errors import Spent
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds, seconds_of


class OneByOne(Crew):
    """Runs the chunks in order."""

    def __init__(self, process: ProcessChunk = process_chunk):
        self._process = process

    def run(self, work: Work, progress: Progress) -> Ran:
        timeline = WorkerTimeline(time.perf_counter())
        arrivals = work.arrivals
        plan = ChunkPlan.of(work, 1)
        progress.begin(plan.expected_size)
        parts = part_collector(work)
        with awaited_aside(work.function), given(work, self._process) as process:
            while (chunk := plan.take()) is not None or plan.awaits:
                if chunk is None:
                    assert arrivals is not None
                    arrivals.wait(WAIT_SECONDS)
                    timeline.until(time.perf_counter(), "wait")
                    continue
                try:
                    done = process(work, chunk, Control(plan.seconds(chunk)))
                except Spent:
                    break
                plan.done(chunk, busy_seconds(done.part), done.rest)
                parts.add(*done.range(chunk), done.part)
                done.raise_error()
                spent = seconds_of(done.part) | {"start": done.import_seconds}
                timeline.add(spent, time.perf_counter())
                progress.done(done.part.items, done.size(chunk))
        timeline.until(time.perf_counter(), "stop")  # What setup has made was closed.
        return Ran(parts.in_order(), (timeline,))

    def usage(self) -> list[ProcessUsage]:
        return []
