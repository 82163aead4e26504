"""Chunks over the threads of this process.

The GIL lets one thread at a time run Python code: threads pay off for functions that wait or release
it, not for those that compute in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.strategies.thread_crew import ThreadCrew, thread_crew


@contextmanager
def start(options: Options) -> Iterator[ThreadCrew]:
    with thread_crew(options.worker_count, process_chunk) as crew:
        yield crew


STRATEGY = Strategy(
    name="threads",
    description="Spreads the chunks over threads of the step's own process. The GIL lets one of "
    "them compute in Python at a time, so this pays off for functions that wait or release it.",
    start=start,
)
