"""multiprocessing.Pool.map: Python's documentation, "multiprocessing — Process-based parallelism".

With its own choice of `chunksize` (four chunks a process) and start method (fork, on Linux).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pool

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with Pool(job.at_once) as pool:
        yield lambda: pool.map(job.function, read_items(job))
