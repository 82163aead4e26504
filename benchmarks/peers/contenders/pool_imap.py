"""multiprocessing.Pool.imap: Python's documentation, "multiprocessing — Process-based parallelism".

A large `chunksize`, as it says, "can make the job complete much faster" than the default of 1.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pool

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with Pool(job.at_once) as pool:
        yield lambda: list(pool.imap(job.function, read_items(job), chunksize=job.batch_items))
