"""The local cluster that the Dask contenders use: Dask's documentation, "Single-machine scheduler",
section on dask.distributed, and "Best Practices": processes for Python that holds the GIL, threads for
work that releases it. No dashboard, loopback only.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from benchmarks.peers.job import Job


@contextmanager
def local_cluster(job: Job) -> Iterator[Client]:
    threads = job.workload.waits
    dask.config.set({"temporary-directory": str(job.scratch)})
    with (
        LocalCluster(
            n_workers=1 if threads else job.workers,
            threads_per_worker=job.at_once if threads else 1,
            processes=not threads,
            # Threads share a process with the scheduler, and need no address.
            host=None if threads else "127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
