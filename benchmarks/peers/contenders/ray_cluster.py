"""The local cluster that the Ray contenders use: Ray's documentation, "Starting Ray". No dashboard,
loopback only, 500 MB for objects; nothing is reported home (RAY_USAGE_STATS_ENABLED, set for every trial).
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
        _node_ip_address="127.0.0.1",
        _temp_dir=str(job.scratch / "ray"),
    )
    try:
        yield
    finally:
        ray.shutdown()
