"""Gives one wrong result."""

from contextlib import contextmanager

from benchmarks.peers.job import read_items, write_results


@contextmanager
def start(job):
    def run(folder):
        results = [job.function(item) for item in read_items(job)]
        write_results(folder, [*results[:-1], results[-1] + 1])

    yield run
