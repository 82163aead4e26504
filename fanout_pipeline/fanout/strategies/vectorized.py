"""The batch function on whole chunks, one after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.fanout.chunk_work import run_batch
from fanout_pipeline.fanout.contract import Options, Strategy
from fanout_pipeline.fanout.in_process import OneByOne


@contextmanager
def start(options: Options) -> Iterator[OneByOne]:
    yield OneByOne(run_batch)


STRATEGY = Strategy(
    name="vectorized",
    description="Calls the batch function once a chunk, on a pandas Series, in the step's own "
    "process: no fan-out, but no Python call for each item either.",
    start=start,
    single=True,
    batch=True,
)
