"""The plain loop that all are related to: read, call, write, in one process."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers.job import Job, Run, read_items, write_results


@contextmanager
def start(job: Job) -> Iterator[Run]:
    function = job.function
    yield lambda folder: write_results(folder, [function(item) for item in read_items(job)])
