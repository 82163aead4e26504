"""Crews that run in the calling process, without workers of their own."""

from __future__ import annotations

import time
from collections.abc import Callable

from fanout_pipeline.fanout.contract import Ran, Work
from fanout_pipeline.fanout.lanes import Lane, seconds_of
from fanout_pipeline.fanout.numbering import Numbering, ThreadNumbering
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk


class OneByOne:
    """Runs the chunks in order in the calling thread, each with `run_chunk`."""

    def __init__(self, run_chunk: Callable[[Work, Chunk, Numbering], PartRecord]):
        self._run_chunk = run_chunk

    def run(self, work: Work, progress: Progress) -> Ran:
        lane = Lane(time.perf_counter())
        progress.begin(len(work.chunks))
        numbering = ThreadNumbering()
        parts = []
        for chunk in work.chunks:
            parts.append(self._run_chunk(work, chunk, numbering))
            lane.told(seconds_of(parts[-1]), time.perf_counter())
            progress.chunk_done(parts[-1].items)
        return Ran(parts, (lane,))

    def usage(self) -> list[ProcessUsage]:
        return []
