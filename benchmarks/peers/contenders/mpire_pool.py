"""mpire.WorkerPool.map: mpire's documentation, "Usage", sections "Keep alive", "Task chunking" (its own
choice: 64 chunks a worker) and "Process start method" (threading for work that waits).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mpire import WorkerPool

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    method = "threading" if job.workload.waits else "fork"
    with WorkerPool(n_jobs=job.at_once, start_method=method, keep_alive=True) as pool:
        # Else an item that is a dict would be given as keywords.
        yield lambda: pool.map(job.function, [(item,) for item in read_items(job)])
