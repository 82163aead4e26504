"""concurrent.futures.ThreadPoolExecutor.map: Python's documentation, "concurrent.futures — Launching
parallel tasks". It has no chunks: each item is a future.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with ThreadPoolExecutor(job.at_once) as executor:
        yield lambda: list(executor.map(job.function, read_items(job)))
