"""Chunk descriptors over worker processes of our own, each of which reads and calls by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.workers.pool import WorkerPool, worker_processes


@contextmanager
def start(options: Options) -> Iterator[WorkerPool]:
    with worker_processes(options.worker_count, options.worker_memory_mb) as crew:
        yield crew


STRATEGY = Strategy(
    name="multiprocess",
    description="Spreads the chunks over worker processes. A worker gets a chunk's descriptor, reads the "
    "items and calls the function: no item travels between processes. In long runs it writes the part, too.",
    start=start,
    start_methods=("spawn",),
    lacks=frozenset(),
)
