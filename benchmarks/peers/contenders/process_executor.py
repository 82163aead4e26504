"""concurrent.futures.ProcessPoolExecutor.map: Python's documentation, "concurrent.futures — Launching
parallel tasks".

A large `chunksize`, as it says, "can significantly improve performance compared to the default".
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with ProcessPoolExecutor(job.at_once) as executor:
        yield lambda: list(executor.map(job.function, read_items(job), chunksize=job.batch_items))
