"""Gives one wrong result."""

from contextlib import contextmanager

from benchmarks.peers.job import read_items


@contextmanager
def start(job):
    def run():
        results = [job.function(item) for item in read_items(job)]
        return [*results[:-1], results[-1] + 1]

    yield run
