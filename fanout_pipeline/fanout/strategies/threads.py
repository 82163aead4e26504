"""Chunks over the threads of this process.

The GIL lets one thread at a time run Python code: threads pay for functions that wait or release
it, not for those that compute in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.fanout.chunk_work import run_chunk
from fanout_pipeline.fanout.contract import Options, Strategy
from fanout_pipeline.fanout.thread_crew import ThreadCrew


@contextmanager
def start(options: Options) -> Iterator[ThreadCrew]:
    with ThreadCrew.started(options.workers, run_chunk) as crew:
        yield crew


STRATEGY = Strategy(
    name="threads",
    description="Spreads the chunks over threads of the step's own process. Pays for functions "
    "that wait or release the GIL.",
    start=start,
)
