"""The plain loop that all are related to: one call after the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    function = job.function
    yield lambda: [function(item) for item in read_items(job)]
