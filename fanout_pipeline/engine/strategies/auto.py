"""Finds the way while the work goes on: see docs/decisions/auto.md.

Here        the thread that calls begins (see `calling`), and another looks on (see `supervising`). It has more
            begin when that pays: threads, where these may call and bring more, else worker processes, beside
            which the first goes on unless it hampers them.
Supervised  a worker process begins and others join it, for runs that must survive what a call may do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from fanout_pipeline.engine.calls.batch import process_batch
from fanout_pipeline.engine.calls.batch_or_single import BatchOrSingle
from fanout_pipeline.engine.calls.invoke import awaited_aside, is_async
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import ProcessChunk
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.choose import Costs
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.scheduling.thread_growth import ThreadGrowth
from fanout_pipeline.engine.strategies.asyncio_tasks import STRATEGY as ASYNCIO
from fanout_pipeline.engine.strategies.calling import FEW, Calling
from fanout_pipeline.engine.strategies.inline_crew import OneByOne
from fanout_pipeline.engine.strategies.vectorized import FIRST_SHARE
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.engine.system.machine_costs import learn_start_seconds, start_seconds
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.workers.pool import WorkerPool, worker_processes
from fanout_pipeline.results.files.windows import on_windows

_NO_LIMIT = (
    "Warning: worker_memory_mb is not applied to an async function, which is awaited in this process. "
    "Use multiprocess."
)
_UNKNOWN_SECONDS = 0.04
"""In this process others may begin with what is left of the first chunk so soon."""
_MOST_THREADS = 128
"""The most threads of this process, where nobody has said how many."""


def _growth(work: Work, plan: SharedPlan, options: Options, begun: int = 0) -> Growth:
    return Growth(
        plan,
        cores=effective_cores(),
        asked=options.workers,
        costs=lambda: Costs(start_seconds()),
        begun=begun,
        items_are_units=_items_are_units(work),
        learn=learn_start_seconds,
    )


def _items_are_units(work: Work) -> bool:
    return work.source.UNIT in ("items", "rows", "files")


def _shared_plan(
    work: Work, workers: int, first: int | None = None, *, here: bool = False
) -> SharedPlan:
    few = work.arrivals is None and sum(chunk.size for chunk in work.chunks) <= FEW
    if here and work.setup is not None:  # Others that have made what they are given call soon.
        few = True
    first = first or (1 if few else None)
    unknown = _UNKNOWN_SECONDS if here else None
    return SharedPlan.of(work, max(2, workers), first=first, unknown_seconds=unknown)


def _awaited(options: Options, work: Work, progress: Progress) -> Ran:
    """The calls of an async function, many at a time in one event loop."""
    with ASYNCIO.start(options) as crew:
        return crew.run(work, progress)


def _why_awaited(options: Options) -> str:
    return f"an async function: one event loop, with up to {options.concurrency:,} calls in flight"


def _how(work: Work, threads: ThreadGrowth | None) -> tuple[ProcessChunk, Callable[[], str]]:
    """How chunks are done in this process, and in the end how they were, as the beginning of a sentence.

    `threads`: how many call, where that may be several.
    """
    if work.batch_function is None:
        return process_chunk, lambda: ""
    if not BatchOrSingle.may_choose(work):
        return process_batch, lambda: "by the batch function, "
    chosen = BatchOrSingle(work, threads.settle if threads is not None else lambda: True)
    return chosen, lambda: f"{chosen.why()}, "


class Supervised(Crew):
    """Begins with one worker process. All calls are made in such, so that the run survives them."""

    def __init__(self, options: Options, pool: WorkerPool):
        self._options = options
        self._pool = pool
        self._usage: list[ProcessUsage] = []
        self.why = ""

    def run(self, work: Work, progress: Progress) -> Ran:
        if is_async(work.function):
            if self._options.worker_memory_mb is not None:
                progress.log(_NO_LIMIT)
            self.why = _why_awaited(self._options)
            return _awaited(self._options, work, progress)
        options = self._options
        limited = work.failures.item_timeout_seconds or options.worker_memory_mb
        if (work.thread_safe or work.batch_function is not None) and not limited:
            here = Here(options)
            ran, self.why = here.run(work, progress), here.why
            self._usage += here.usage()
            return ran
        plan = _shared_plan(work, self._options.worker_count)
        growth = _growth(work, plan, self._options, max(1, self._pool.size))
        ran = self._pool.run(work, progress, plan, growth)
        self.why = growth.why()
        progress.log(self.why)
        return ran

    def usage(self) -> list[ProcessUsage]:
        return [*self._usage, *self._pool.usage()]


class Here(Crew):
    """Begins in the thread that calls."""

    def __init__(self, options: Options):
        self._options = options
        self._usage: list[ProcessUsage] = []
        self.why = ""

    def run(self, work: Work, progress: Progress) -> Ran:
        if is_async(work.function):
            self.why = _why_awaited(self._options)
            return _awaited(self._options, work, progress)
        began = time.perf_counter()
        options, cores = self._options, effective_cores()
        batch = work.batch_function is not None
        if options.workers == 1:
            process, called = _how(work, None)
            ran = OneByOne(process).run(work, progress)
            self.why = f"{called()}one worker was asked for: this process alone"
            return ran
        threads = None
        if work.thread_safe or batch:
            most = options.workers or (cores if batch else _MOST_THREADS)
            threads = ThreadGrowth(most, cores)
        first = round(FIRST_SHARE * work.source.CHUNK_SIZE) if batch else None
        plan = _shared_plan(work, options.workers or cores, first, here=True)
        # The batch function is called in this process only.
        alone = batch or on_windows()
        growth = _growth(work, plan, replace(options, workers=1) if alone else options)
        if work.arrivals is not None:
            work.arrivals.listen(plan.wake)
        progress.begin(plan.expected_size)
        process, called = _how(work, threads)
        function = work.batch_function if batch else work.function
        with awaited_aside(work.function):
            calling = Calling(work, plan, growth, threads, progress, began, process, function)
            ran = calling.run()
        self._usage += calling.supervising.usage
        self.why = f"{called()}{growth.why()}"
        if on_windows():
            self.why += " (on Windows no other process joins)"
        progress.log(self.why)
        return ran

    def usage(self) -> list[ProcessUsage]:
        return self._usage


@contextmanager
def start_supervised(options: Options) -> Iterator[Supervised]:
    with worker_processes(0, options.worker_memory_mb) as pool:
        yield Supervised(options, pool)


@contextmanager
def start_here(options: Options) -> Iterator[Here]:
    yield Here(options)


STRATEGY = Strategy(
    name="auto",
    description="Calls at once, looks at what calls take, and has worker processes join when that pays.",
    start=start_supervised,
    start_methods=("spawn",),
    grows=True,
    lacks=frozenset(),
)
HERE = replace(STRATEGY, start=start_here)
"""The same, beginning in the thread that calls."""
