"""Has all results, from the last to the first."""

from contextlib import contextmanager

from benchmarks.peers.job import read_items


@contextmanager
def start(job):
    yield lambda: [job.function(item) for item in reversed(read_items(job))]
