"""`multiprocessing.Pool.map` over all items: the library keeps the order."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from fanout_pipeline.engine.baselines.programs import (
    SAMPLE_EVERY,
    START_METHODS,
    ProgramRun,
    cannot_be_sent,
    item_failed,
    require_alive,
)
from fanout_pipeline.engine.calls.invoke import appending
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import FEATURES, Crew, Ran, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.system.usage import ProcessUsage, usage_of

_BATCHES_A_WORKER = 4
"""As many as `Pool.map` makes by itself. They are made here so that calls can be timed by the batch."""
_pools: list[Any] = []
"""The pools of this process, kept because one that is collected is terminated, which may wait for a dead worker
for ever."""


class _PoolMap(Crew):
    def __init__(self, pool: Any, workers: list[Any]):
        self._pool = pool
        self._workers = workers

    def run(self, work: Work, progress: Progress) -> Ran:
        from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]  # typeshed

        run = ProgramRun(work, progress)
        size = math.ceil(len(run.items) / (_BATCHES_A_WORKER * len(self._workers))) or 1
        batches = [(at, run.items[at : at + size]) for at in range(0, len(run.items), size)]
        call = partial(_call_batch, work.function, work.surroundings)
        pending = self._pool.map_async(call, batches, 1)
        while not pending.ready():
            pending.wait(WAIT_SECONDS)
            # The library would put another in its place, and wait for ever for what it had.
            require_alive(self._workers)
        try:
            answers = pending.get()
        except ItemFailed as error:
            raise run.located(error) from None
        except MaybeEncodingError as error:
            raise cannot_be_sent(error) from None
        results: list[Any] = []
        calls = dict.fromkeys((worker.pid for worker in self._workers), 0.0)
        for pid, call_seconds, found in answers:
            calls[pid] += call_seconds
            results += found
        sent = [run.items[::SAMPLE_EVERY], results[::SAMPLE_EVERY]]
        return run.finish(results, list(calls.values()), sent)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(worker.pid for worker in self._workers)


@contextmanager
def start(options: Options) -> Iterator[_PoolMap]:
    """A pool whose workers have answered. After an error nobody ends it but who kills this process."""
    import multiprocessing  # 20 ms, with all that belongs to it

    context = multiprocessing.get_context(options.start_method or START_METHODS[0])
    ready = context.Semaphore(0)
    before = set(multiprocessing.active_children())
    pool = context.Pool(options.worker_count, _answer, (ready,))
    _pools.append(pool)
    workers = list(set(multiprocessing.active_children()) - before)
    for _ in range(options.worker_count):
        while not ready.acquire(timeout=WAIT_SECONDS):
            require_alive(workers)
    yield _PoolMap(pool, workers)
    pool.close()
    pool.join()
    _pools.remove(pool)


def _answer(ready: Any) -> None:
    ready.release()


def _call_batch(
    function: Callable[[Any], Any], surroundings: Surroundings, batch: tuple[int, list[Any]]
) -> tuple[int, float, list[Any]]:
    """In a worker: its process id, the seconds of the calls, and the results."""
    surroundings.apply()
    first_index, items = batch
    results: list[Any] = []
    began = time.perf_counter()
    try:
        with appending(function) as append:
            append(results, items)
        if len(results) < len(items):  # It was taken for the end of the batch.
            raise StopIteration("raised by the function")
    except BaseException as error:
        raise item_failed(error, items[len(results)], first_index + len(results)) from None
    return os.getpid(), time.perf_counter() - began, results


STRATEGY = Strategy(
    name="pool_map",
    description="multiprocessing.Pool.map over all items at once: the library sends them in "
    "batches and keeps the order. For comparison only.",
    start=start,
    start_methods=START_METHODS,
    baseline=True,
    lacks=FEATURES,
)
