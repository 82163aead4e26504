"""The batch function on whole chunks, over threads: Arrow, NumPy and pandas release the GIL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.calls.batch import process_batch
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.strategies.thread_crew import ThreadCrew, thread_crew

FIRST_SHARE = 1 / 8
"""The share of the largest chunk that the first batches have. A batch cannot be cut short: the first are small, to
see how long one takes, but not so small that 100,000 numbers would be more than a batch a worker."""


@contextmanager
def start(options: Options) -> Iterator[ThreadCrew]:
    with thread_crew(options.worker_count, process_batch, FIRST_SHARE) as crew:
        yield crew


STRATEGY = Strategy(
    name="vectorized",
    description="Calls the batch function once a chunk, on a pandas or Arrow batch, in threads of the "
    "step's own process: no Python call for each item.",
    start=start,
    batch=True,
)
