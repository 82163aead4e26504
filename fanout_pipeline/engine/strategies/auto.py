"""Finds the way while the work goes on: see docs/decisions/auto.md.

the caller's thread                         a thread that supervises (here), or the caller's (supervised)
plan --chunk--> calls --> parts             looks at what calls take --> starts workers when that pays
  ^                                         plan --chunk--> workers --> parts
  '------- nothing more for it once all workers have joined
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace

from fanout_pipeline.engine.calls.invoke import awaited_aside, is_async
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control
from fanout_pipeline.engine.calls.setup import given
from fanout_pipeline.engine.calls.watch import Watch
from fanout_pipeline.engine.model.errors import Spent, Stopped
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.choose import Costs
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.strategies.asyncio_tasks import STRATEGY as ASYNCIO
from fanout_pipeline.engine.strategies.inline_crew import OneByOne
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.engine.system.machine_costs import learn_start_seconds, start_seconds
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds, seconds_of
from fanout_pipeline.engine.workers.pool import WorkerPool, worker_processes
from fanout_pipeline.results.store.collector import PartCollector

_FEW = 1000
"""An input of no more units is looked at from its first call on: that may take long, and others could begin."""
_LOOK_SECONDS = 0.005
"""A larger one only once its calls have taken this long: to start a thread takes a tenth of a millisecond."""


def _growth(work: Work, plan: SharedPlan, options: Options, watch: Watch | None = None) -> Growth:
    return Growth(
        plan,
        cores=effective_cores(),
        asked=options.workers,
        costs=lambda: Costs(start_seconds()),
        look=(lambda: None) if watch is None else watch.look,
        begun=0 if watch is not None else 1,
        items_are_units=work.source.UNIT in ("items", "rows", "files"),
        learn=learn_start_seconds,
    )


def _shared_plan(work: Work, workers: int) -> SharedPlan:
    return SharedPlan(
        work.chunks, workers, work.fixed, given=work.first_number, arrivals=work.arrivals
    )


def _awaited(options: Options, work: Work, progress: Progress) -> Ran:
    """The calls of an async function, many at a time in one event loop."""
    with ASYNCIO.start(options) as crew:
        return crew.run(work, progress)


class Supervised(Crew):
    """Begins with one worker process. All calls are made in such, so that the run survives them."""

    def __init__(self, options: Options, pool: WorkerPool):
        self._options = options
        self._pool = pool
        self.why = ""

    def run(self, work: Work, progress: Progress) -> Ran:
        if is_async(work.function):
            return _awaited(self._options, work, progress)
        plan = _shared_plan(work, self._options.worker_count)
        growth = _growth(work, plan, self._options)
        ran = self._pool.run(work, progress, plan, growth)
        self.why = growth.why()
        progress.log(self.why)
        return ran

    def usage(self) -> list[ProcessUsage]:
        return self._pool.usage()


class Here(Crew):
    """Begins in the thread that calls."""

    def __init__(self, options: Options):
        self._options = options
        self._usage: list[ProcessUsage] = []
        self.why = ""

    def run(self, work: Work, progress: Progress) -> Ran:
        if is_async(work.function):
            return _awaited(self._options, work, progress)
        if self._options.workers == 1:
            return OneByOne().run(work, progress)
        plan = _shared_plan(work, self._options.worker_count)
        if work.arrivals is not None:
            work.arrivals.listen(plan.wake)
        progress.begin(plan.expected_size)
        with awaited_aside(work.function):
            calling = _Calling(work, plan, self._options, progress)
            ran = calling.run()
        self._usage += calling.supervisor.usage
        self.why = calling.growth.why()
        progress.log(self.why)
        return ran

    def usage(self) -> list[ProcessUsage]:
        return self._usage


class _Calling:
    """The calls of the thread that has begun the run, and those of workers that join it."""

    def __init__(self, work: Work, plan: SharedPlan, options: Options, progress: Progress):
        self._work = work
        self._plan = plan
        self._progress = progress
        few = plan.size <= _FEW
        self._watch = Watch(self._look_on, 0.0 if few else _LOOK_SECONDS)
        growth = _growth(work, plan, options, self._watch)
        self.growth = growth
        self._parts = part_collector(work)
        self.supervisor = _Supervisor(work, plan, growth, progress, self._parts)

    def _look_on(self) -> None:
        self.supervisor.start()

    def run(self) -> Ran:
        timeline = WorkerTimeline(time.perf_counter())
        plan, watch = self._plan, self._watch
        try:
            with given(self._work, process_chunk) as process:
                while (turn := plan.wait_for()) is not None:
                    chunk, seconds = turn
                    timeline.until(time.perf_counter(), "wait")
                    watch.begin(chunk)
                    control = Control(seconds, plan.is_stopped, recorder=watch)  # type: ignore[arg-type]
                    try:
                        done = process(self._work, chunk, control)
                    except Spent:
                        plan.cut_off(chunk)
                        continue
                    finally:
                        watch.end()
                    self._parts.add(*done.range(chunk), done.part)
                    self.growth.saw(done.part)
                    plan.done(chunk, busy_seconds(done.part), done.rest)
                    spent = seconds_of(done.part) | {"start": done.import_seconds}
                    timeline.add(spent, time.perf_counter())
                    self._progress.done(done.part.items, done.size(chunk))
        except BaseException as error:
            plan.stop()
            self.supervisor.end()
            if isinstance(error, Stopped) and self.supervisor.error is not None:
                raise self.supervisor.error from None
            raise
        self.supervisor.end()
        if self.supervisor.error is not None:
            raise self.supervisor.error
        timeline.until(time.perf_counter(), "wait")
        return Ran(
            self._parts.in_order(),
            (timeline, *self.supervisor.timelines),
            self.supervisor.sent_bytes,
        )


class _Supervisor:
    """A thread that starts worker processes once that pays, and gives them chunks of the plan."""

    def __init__(
        self,
        work: Work,
        plan: SharedPlan,
        growth: Growth,
        progress: Progress,
        parts: PartCollector,
    ):
        self._work = work
        self._plan = plan
        self._growth = growth
        self._how = progress, plan, growth, parts
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None
        """What has ended it, if anything."""
        self.usage: list[ProcessUsage] = []
        self.timelines: tuple[WorkerTimeline, ...] = ()
        self.sent_bytes = 0

    def start(self) -> None:
        context = copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._supervise,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for its end: of the run, or as the plan was stopped."""
        if self._thread is None:
            return
        try:
            while self._thread.is_alive():
                self._thread.join(WAIT_SECONDS)
        except BaseException:
            self._plan.stop()
            self._thread.join()
            raise

    def _supervise(self) -> None:
        try:
            with worker_processes(0) as pool:
                ran = pool.run(self._work, *self._how)
                self.usage = pool.usage()
            self.timelines, self.sent_bytes = ran.timelines, ran.sent_bytes
        except Stopped:
            pass
        except BaseException as error:
            self.error = error
            self._plan.stop()


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
