"""The local cluster that the Ray contenders use: Ray's documentation, "Starting Ray". No dashboard, 500 MB
for objects; by the environment of every trial loopback only, and nothing is reported home.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from benchmarks.peers.job import Job


@contextmanager
def local_cluster(job: Job) -> Iterator[None]:
    ray.init(
        num_cpus=job.workers,
        include_dashboard=False,
        object_store_memory=500_000_000,
        logging_level=logging.ERROR,
        log_to_driver=False,
        _temp_dir=str(job.scratch / "ray"),
    )
    try:
        yield
    finally:
        ray.shutdown()
