"""The batch function on whole chunks, which threads of this process share.

Reading, pandas, the digest and the Parquet encoder release the GIL for nearly all of their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.fanout.chunk_work import run_chunk_as_batch
from fanout_pipeline.fanout.contract import Options, Strategy
from fanout_pipeline.fanout.thread_crew import ThreadCrew


@contextmanager
def start(options: Options) -> Iterator[ThreadCrew]:
    with ThreadCrew.started(options.workers, run_chunk_as_batch) as crew:
        yield crew


STRATEGY = Strategy(
    name="vectorized",
    description="Calls the batch function once a chunk, on a pandas Series, in threads of the "
    "step's own process: no Python call for each item.",
    start=start,
    batch=True,
)
