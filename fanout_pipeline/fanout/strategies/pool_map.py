"""`multiprocessing.Pool.map` over all items: the library keeps the order."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import MaybeEncodingError  # type: ignore[attr-defined]  # typeshed
from typing import Any

from fanout_pipeline.fanout.chunk_work import described, shown
from fanout_pipeline.fanout.contract import Options, Strategy, Work
from fanout_pipeline.fanout.interrupts import interrupts_held
from fanout_pipeline.fanout.multiprocessing_workers import (
    START_METHODS,
    CallFailed,
    located,
    prepare_worker,
    read_items,
    write_in_parts,
)
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage, usage_of
from fanout_pipeline.parts.manifest import PartRecord


class _Pool:
    def __init__(self, pool: Any, pids: list[int]):
        self._pool = pool
        self._pids = pids

    def run(self, work: Work, progress: Progress) -> list[PartRecord]:
        items: list[Any] = []
        counts = []
        for _, chunk_items in read_items(work, progress):
            items += chunk_items
            counts.append(len(chunk_items))
        try:
            pending = self._pool.map_async(functools.partial(_call, work.function), items)
            # Not one long wait, which a Ctrl-C at its very beginning would not end.
            while not pending.ready():
                pending.wait(0.5)
            results = pending.get()
        except CallFailed as error:
            raise located(work, error.task[0], error.failure) from None
        except MaybeEncodingError as error:
            raise TypeError(
                f"The function's results cannot be sent between processes: {error}"
            ) from error
        return write_in_parts(work, results, counts)

    def usage(self) -> list[ProcessUsage]:
        return usage_of(self._pids)


@contextmanager
def start(options: Options) -> Iterator[_Pool]:
    context = multiprocessing.get_context(options.start_method)
    before = set(multiprocessing.active_children())
    pool = None
    try:
        # An interrupt that was held is raised at the end of this block: by then the pool is known.
        with interrupts_held():
            pool = context.Pool(options.workers, initializer=prepare_worker)
        workers = set(multiprocessing.active_children()) - before
        pool.map(_answer, range(options.workers), chunksize=1)
        yield _Pool(pool, [worker.pid for worker in workers if worker.pid])
        pool.close()
        pool.join()
    finally:
        if pool is not None:
            with interrupts_held():
                pool.terminate()
                pool.join()


def _answer(number: int) -> int:
    return number


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except Exception as error:
        raise CallFailed((item,), described(error, shown(item))) from None


STRATEGY = Strategy(
    name="pool_map",
    description="multiprocessing.Pool.map over all numbers at once: the library sends them in "
    "batches and keeps the order.",
    start=start,
    start_methods=START_METHODS,
)
