"""dask.distributed futures: Dask's documentation, "Futures" (Client.map, Client.gather) and "Best
Practices", which says to batch calls that take less than some hundred milliseconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from distributed import Client

from benchmarks.peers.contenders.dask_cluster import local_cluster
from benchmarks.peers.job import Job, Run, call_on_each, read_batches


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job) as client:
        yield lambda: _run(job, client)


def _run(job: Job, client: Client) -> list[Any]:
    call = partial(call_on_each, job.function)
    # pure=False: a second run is not answered from the first.
    futures = client.map(call, list(read_batches(job)), pure=False)
    return list(chain.from_iterable(client.gather(futures)))
