"""The calls of `auto` in this process: by the thread that has begun the run, and others where they may and bring more.

plan --chunk--> thread: calls --rest--> plan
                              --part--> parts, and what it has taken --> growth
"""

from __future__ import annotations

import ctypes
import threading
import time
from contextlib import suppress
from functools import partial

from fanout_pipeline.engine.calls.outcome import Control, ProcessChunk
from fanout_pipeline.engine.calls.setup import given
from fanout_pipeline.engine.calls.watch import Look, Watch
from fanout_pipeline.engine.model.errors import Spent, Stopped
from fanout_pipeline.engine.model.strategy import Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.scheduling.thread_growth import Seen, ThreadGrowth
from fanout_pipeline.engine.strategies.supervising import Supervising
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.system.surroundings import in_copied_context
from fanout_pipeline.engine.timing.timeline import WorkerTimeline, busy_seconds, seconds_of

FEW = 1000
"""An input of no more units is looked at from its first call on: that may take long, and others could begin."""
_LOOK_SECONDS = 0.01
"""A larger one only after this long: what looks takes half a millisecond to begin. Its thread is there before, for
items may become dear in the first slice that is large."""
_PATIENCE_SECONDS = 0.3
"""Time for threads to notice by themselves, between two items, that they are to stop."""
_LAST_SECONDS = 0.3
"""Time for those that do not to leave a call that is interrupted. A call that waits in C goes on by itself."""


class Calling:
    """One run's calls in this process."""

    def __init__(
        self,
        work: Work,
        plan: SharedPlan,
        growth: Growth,
        threads: ThreadGrowth | None,
        progress: Progress,
        began: float,
        process: ProcessChunk,
        function: object,
    ):
        """`threads`: how many call, where that may be several; `began`: when the run did (time.perf_counter);
        `process` calls `function`.
        """
        self._began = began
        self._work = work
        self._plan = plan
        self._growth = growth
        self._progress = progress
        self._process = process
        self._function = function
        self._parts = part_collector(work)
        self.supervising = Supervising(work, progress, plan, growth, self._parts)
        look_after = 0.0 if plan.size <= FEW else _LOOK_SECONDS
        self._first = Watch(partial(self.supervising.begin, look_after))
        self._watches = [self._first]
        self._threads: list[threading.Thread] = []
        self._calling: set[int] = set()
        """Ids of the threads that make calls."""
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._timelines: list[WorkerTimeline] = []
        self._first.set_up = growth.set_up
        growth.look = self._look
        if threads is not None:
            growth.threads_suffice = partial(self._threads_suffice, threads)
            growth.second_thread = partial(self._second_thread, threads)

    def run(self) -> Ran:
        """Call until there is nothing left, or nothing left for this process. Raises what a call does."""
        try:
            self._call(0, self._first, self._began)
            self._join()
            self._end()
        except BaseException as error:
            self._plan.stop()
            with interrupts_held():
                self._end_threads()
            self._end()
            if not isinstance(error, Stopped):
                raise
        first = self._error or self.supervising.error
        if first is None and self._plan.is_stopped():
            first = Stopped()  # By a run of which this one is a part: not all was done.
        if first is not None:
            raise first
        ended = time.perf_counter()
        for timeline in self._timelines:
            timeline.until(ended, "wait")
        timelines = (*self._timelines, *self.supervising.timelines)
        return Ran(
            self._parts.in_order(),
            timelines,
            self.supervising.sent_bytes,
            workers=self._growth.callers,
        )

    def _end(self) -> None:
        self.supervising.end()
        growth = self._growth
        # They refer to this object: the results would outlive their last reference, until Python looks for cycles.
        growth.look, growth.threads_suffice = _nothing, None

    def _call(self, number: int, watch: Watch, began: float) -> None:
        """Do chunks as long as there are any for the thread of this number."""
        plan, timeline = self._plan, WorkerTimeline(began)
        self._timelines.append(timeline)
        with given(self._work, self._process, self._function) as process:  # type: ignore[arg-type]
            try:
                self._calling.add(threading.get_ident())
                self._do_chunks(number, process, watch, timeline)
            except BaseException as error:
                # Before what setup has made is closed, which may take a while.
                if not isinstance(error, Stopped):
                    self._error = self._error or error
                plan.stop()
                raise
            finally:
                self._left()

    def _do_chunks(
        self, number: int, process: ProcessChunk, watch: Watch, timeline: WorkerTimeline
    ) -> None:
        plan = self._plan
        while (turn := plan.wait_for(number)) is not None:
            chunk, seconds = turn
            timeline.until(time.perf_counter(), "wait")
            watch.begin(chunk, seconds)
            control = Control(seconds, plan.is_stopped, recorder=watch)  # type: ignore[arg-type]
            try:
                done = process(self._work, chunk, control)
            except Spent:
                watch.end(0)
                plan.cut_off(chunk)
                return
            watch.end(done.part.items)
            self._parts.add(*done.range(chunk), done.part)
            done.raise_error()
            self._growth.saw(done.part)
            plan.done(chunk, busy_seconds(done.part), done.rest)
            spent = seconds_of(done.part) | {"start": done.import_seconds}
            timeline.add(spent, time.perf_counter())
            self._progress.done(done.part.items, done.size(chunk))

    def _left(self) -> None:
        """This thread makes no further call: nobody interrupts it any more."""
        while True:
            with suppress(Stopped), self._lock:
                self._calling.discard(threading.get_ident())
                return

    def _second_thread(self, threads: ThreadGrowth) -> None:
        """See `Growth.second_thread`."""
        if threads.begin_two():
            self._more_threads(2)

    def _threads_suffice(self, threads: ThreadGrowth, left_seconds: float) -> bool:
        """See `Growth.threads_suffice`."""
        wanted = threads.wanted(self._seen(), left_seconds)
        if self._plan.callers not in (0, wanted):
            self._plan.shared_by(max(2, wanted))
            self._more_threads(wanted)
        return not threads.leaves_cores_unused

    def _more_threads(self, count: int) -> None:
        """Have threads of these numbers, and fewer, call; from the thread that supervises."""
        self._plan.callers = count
        for number in range(len(self._threads) + 1, count):
            run = in_copied_context(self._serve)
            thread = threading.Thread(
                target=run, args=(number,), name=f"fanout_{number}", daemon=True
            )
            self._threads.append(thread)
            try:
                thread.start()
            except RuntimeError:  # The system allows no more: those that there are do it.
                self._threads.remove(thread)
                return

    def _serve(self, number: int) -> None:
        watch = Watch()
        self._watches.append(watch)
        try:
            self._call(number, watch, time.perf_counter())
        except Stopped:
            pass
        except BaseException as error:  # Whatever it is, others wait for this thread's chunk.
            self._error = self._error or error
            self._plan.stop()

    def _look(self) -> Look | None:
        """At the first thread's chunk. Slices that take too long are cut in all threads."""
        looks = [watch.look() for watch in self._watches]
        return looks[0]

    def _seen(self) -> Seen:
        """What all threads have done so far."""
        looks = [watch.so_far() for watch in self._watches]
        items, cpu_seconds = sum(one[0] for one in looks), sum(one[1] for one in looks)
        return Seen(time.perf_counter(), items, cpu_seconds)

    def _join(self) -> None:
        """Wait for the other threads' last chunks."""
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join(0.5)
        if self._error is not None:
            raise Stopped

    def _end_threads(self) -> None:
        """Have them leave their calls, as far as these let that happen."""
        for patience in (_PATIENCE_SECONDS, _LAST_SECONDS):
            deadline = time.monotonic() + patience
            while any(one.is_alive() for one in self._threads) and time.monotonic() < deadline:
                time.sleep(0.01)
            with self._lock:
                for thread in self._threads:
                    if thread.ident in self._calling:
                        _interrupt(thread.ident)


def _interrupt(thread: int) -> None:
    """Raise Stopped in a thread, which ends a call that runs Python and lets it happen."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stopped))


def _nothing() -> None:
    return None
