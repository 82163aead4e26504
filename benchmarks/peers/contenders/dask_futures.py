"""dask.distributed futures: Dask's documentation, "Futures" (Client.map, Client.gather) and "Best
Practices", which says to batch calls that take less than some hundred milliseconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from distributed import Client

from benchmarks.peers.contenders.dask_cluster import local_cluster
from benchmarks.peers.job import Job, Run, call_on_each, read_batches, write_results


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job) as client:
        yield lambda folder: _run(job, client, folder)


def _run(job: Job, client: Client, folder: Path) -> None:
    call = partial(call_on_each, job.function)
    # pure=False: a second run is not answered from the first.
    futures = client.map(call, list(read_batches(job)), pure=False)
    write_results(folder, list(chain.from_iterable(client.gather(futures))))
