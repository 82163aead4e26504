"""A crew that runs in the calling process and thread, without workers of its own."""

from __future__ import annotations

import time

from fanout_pipeline.engine.calls.invoke import awaited_aside
from fanout_pipeline.engine.calls.items import run_piece
from fanout_pipeline.engine.calls.outcome import RunPiece
from fanout_pipeline.engine.model.strategy import Crew, Ran, Work
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import numbered
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds, seconds_of


class OneByOne(Crew):
    """Runs the chunks in order. `run_piece` is another than usual in benchmarks."""

    def __init__(self, run_piece: RunPiece = run_piece):
        self._run_piece = run_piece

    def run(self, work: Work, progress: Progress) -> Ran:
        timeline = WorkerTimeline(time.perf_counter())
        plan = ChunkPlan(work.chunks, 1, work.fixed, given=work.first_number)
        progress.begin(plan.size)
        parts = numbered(work)
        with awaited_aside(work.function):
            while (chunk := plan.take()) is not None:
                piece = self._run_piece(work, chunk, seconds=plan.seconds(chunk))
                plan.done(chunk, busy_seconds(piece.part), piece.rest)
                parts.add(*piece.range(chunk), piece.part)
                timeline.add(seconds_of(piece.part), time.perf_counter())
                progress.done(piece.part.items, piece.size(chunk))
        return Ran(parts.in_order(), (timeline,))

    def usage(self) -> list[ProcessUsage]:
        return []
