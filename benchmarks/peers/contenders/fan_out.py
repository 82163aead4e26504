"""`fan_out` with its defaults: it is told what the workload is, and chooses by itself how to do it."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers.job import Job, Run
from benchmarks.workloads.one_call import import_all
from fanout_pipeline import fan_out

import_all()


@contextmanager
def start(job: Job) -> Iterator[Run]:
    yield lambda: list(fan_out(items=job.items, **job.workload.call()))
