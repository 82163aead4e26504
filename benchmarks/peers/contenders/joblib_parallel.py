"""joblib.Parallel: joblib's documentation, "Embarrassingly parallel for loops".

`with Parallel(...)` is its section "Reusing a pool of workers"; batches are sized by itself
(`batch_size="auto"`); threads for work that waits are its section "Thread-based parallelism".
"""

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import Parallel, delayed

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    prefer = "threads" if job.workload.waits else "processes"
    with Parallel(n_jobs=job.at_once, prefer=prefer) as parallel:
        yield lambda: parallel(delayed(job.function)(item) for item in read_items(job))
