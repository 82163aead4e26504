"""A thread that starts worker processes once that pays, and gives them chunks of the plan.

Another thread than those that call: it looks on while a call takes long, and on Linux its end is its workers' end.
"""

from __future__ import annotations

import threading
import time
from contextvars import copy_context

from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.switching import quick_switches
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.results.store.collector import PartCollector


class Supervising:
    """Created when the run begins; the thread exists from `begin` on."""

    def __init__(
        self,
        work: Work,
        progress: Progress,
        plan: SharedPlan,
        growth: Growth,
        parts: PartCollector,
    ):
        self._work = work
        self._plan = plan
        self._how = progress, plan, growth, parts
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None
        """What has ended it, if anything."""
        self.usage: list[ProcessUsage] = []
        self.timelines: tuple[WorkerTimeline, ...] = ()
        self.sent_bytes = 0

    def begin(self, after: float = 0.0) -> None:
        """Have the thread look on, once so many seconds have passed in which the run has not ended."""
        context = copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._supervise, after), name="fanout-supervisor", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # The system allows no more: the thread that calls does it all.
            self._thread = None

    def end(self) -> None:
        """Wait until it has done its part, or was stopped with the plan. An interrupt stops it."""
        thread = self._thread
        if thread is None:
            return
        try:
            while thread.is_alive():
                thread.join(WAIT_SECONDS)
        except BaseException:
            with interrupts_held():
                self._plan.stop()
                thread.join()
            raise

    def _supervise(self, after: float) -> None:
        until = time.monotonic() + after
        try:
            while (left := until - time.monotonic()) > 0:
                self._plan.require_going_on()
                if not self._plan.unfinished:
                    return
                self._plan.wait(left)
            with quick_switches(), worker_processes(0) as pool:
                ran = pool.run(self._work, *self._how)
                self.usage = pool.usage()
            self.timelines, self.sent_bytes = ran.timelines, ran.sent_bytes
        except Stopped:
            pass
        except BaseException as error:
            self.error = error
            self._plan.stop()
