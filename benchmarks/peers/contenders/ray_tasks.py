"""Ray tasks: Ray's documentation, "Ray Core Quickstart" and "Anti-pattern: Over-parallelizing with too
fine-grained tasks harms speedup", hence batches. For work that waits, threaded actors: "AsyncIO /
Concurrency for Actors".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import ray

from benchmarks.peers.contenders.ray_cluster import local_cluster
from benchmarks.peers.job import Job, Run, call_on_each, read_batches


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with local_cluster(job):
        if job.workload.waits:
            each = job.at_once // job.workers
            threaded = ray.remote(max_concurrency=each)(_Caller)
            callers = [threaded.remote(job.function) for _ in range(job.workers)]
            submit = [caller.call.remote for caller in callers]
        else:
            task, function = ray.remote(call_on_each), ray.put(job.function)
            submit = [lambda batch: task.remote(function, batch)]
        yield lambda: _run(job, submit)


def _run(job: Job, submit: list[Callable[[list[Any]], Any]]) -> list[Any]:
    references = [
        submit[number % len(submit)](batch) for number, batch in enumerate(read_batches(job))
    ]
    return list(chain.from_iterable(ray.get(references)))


class _Caller:
    def __init__(self, function: Callable[[Any], int]):
        self._function = function

    def call(self, batch: list[Any]) -> list[int]:
        return call_on_each(self._function, batch)
