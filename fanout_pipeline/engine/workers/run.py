"""One run of a pool of worker processes: gives out chunks, collects parts, replaces workers that die.

A worker has one chunk at a time. Chunks are begun in the order of the input.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from fanout_pipeline.engine.calls.call_log import Announce
from fanout_pipeline.engine.calls.outcome import Outcome
from fanout_pipeline.engine.model.strategy import Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.assignments import Assignment, Assignments
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.scheduling.suspects import Suspects
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.engine.workers.closing import values_closed
from fanout_pipeline.engine.workers.deaths import Deaths
from fanout_pipeline.engine.workers.handing_back import (
    SENT_BYTES,
    HandedBack,
    write_handed_back,
)
from fanout_pipeline.engine.workers.introduction import introduction
from fanout_pipeline.engine.workers.joining import Joining
from fanout_pipeline.engine.workers.limits import Limits
from fanout_pipeline.engine.workers.overdue import LATE_SECONDS, cut_late, end_beyond_limits
from fanout_pipeline.engine.workers.protocol import DONE, READY, Order
from fanout_pipeline.engine.workers.sent_items import SentItems
from fanout_pipeline.engine.workers.slots import Slot, Slots
from fanout_pipeline.engine.workers.twins import Twins
from fanout_pipeline.engine.workers.worker import Workers
from fanout_pipeline.results.store.collector import PartCollector

_ARRIVAL_SECONDS = 0.01
"""How often is looked whether something has arrived, while a worker has nothing to do."""


class SupervisedRun:
    """One run of the workers of a pool, each of which may use `memory_mb`."""

    def __init__(
        self,
        workers: Workers[Any],
        work: Work,
        progress: Progress,
        memory_mb: int | None,
        plan: SharedPlan | None = None,
        growth: Growth | None = None,
        parts: PartCollector | None = None,
        introduce: Callable[[], bytes] | None = None,
    ):
        """`plan` and `parts`: those of others that take chunks, too, and have begun. See `Growth`."""
        began = time.perf_counter()
        self._work = work
        self._workers = workers
        self._progress = progress
        self._most = len(workers) if growth is None else max(len(workers), growth.most)
        self._is_shared = parts is not None
        if plan is None:
            plan = SharedPlan.of(work, self._most, shortest_seconds=workers.shortest_seconds)
        if parts is None:
            progress.begin(plan.expected_size)
        self._plan = plan
        self._assignments = Assignments(plan, Suspects(work.failures, self._most))
        self._parts = parts or part_collector(work)
        self._limits = Limits(work.failures.item_timeout_seconds, memory_mb, self._most)
        announce = self._limits.times.announce
        if growth is not None and announce is Announce.NOTHING:
            announce = Announce.SLOW  # `growth` looks at the calls that workers are in.
        self._deaths = Deaths(work, self._assignments, progress, announce)
        self._sent_before = workers.sent_bytes
        self._items = SentItems(work.source, plan)
        self._slots = Slots(workers, began, work.setup is not None)
        what = work, self._items.common, SENT_BYTES // self._most, progress.log_once
        self._twins = Twins(self._slots, workers, plan, self._parts)
        self._message = cache(introduce or partial(introduction, *what))
        """What a worker is sent before its first chunk."""
        self._joining: Joining | None = None
        if growth is not None:
            how = self._slots, work, self._message, self._is_shared
            self._joining = Joining(growth, *how)

    def ran(self) -> Ran:
        """Give out chunks until none is left and none is being worked on.

        Raises what the function or a source raised, or WorkerDied.
        """
        with self._slots as slots, values_closed(self._slots, self._work.setup):
            if self._joining is not None:
                self._joining.start_wanted()
            self._assign()
            while self._assignments.more or self._plan.unfinished:
                self._plan.require_going_on()
                if not len(slots):
                    self._plan.wait(self._look_seconds)
                for slot, has_ended in slots.poll(self._seconds_to_wait()):
                    if has_ended:
                        self._receive_rest(slot)
                    else:
                        self._receive(slot)
                if self._workers.watched:
                    end_beyond_limits(slots, self._limits)
                    cut_late(slots)
                self._workers.look_after(partial(slots.add, joins=False))
                if self._joining is not None:
                    self._joining.start_wanted()
                if self._joining or self._assignments.more or not self._workers.watched:
                    self._assign()
        if self._is_shared:
            self._slots.end_joining()
        return Ran(
            [] if self._is_shared else self._parts.in_order(),
            self._slots.timelines(time.perf_counter()),
            self._workers.sent_bytes - self._sent_before,
        )

    @property
    def _look_seconds(self) -> float:
        return WAIT_SECONDS if self._joining is None else self._joining.growth.look_seconds

    def _assign(self) -> None:
        """Give a chunk to each worker that has none, as far as there are chunks."""
        for slot in self._slots.free():
            assignment = self._assignments.take(time.monotonic())
            if assignment is None and not self._workers.watched:
                assignment = self._twins.begin(slot)
            if assignment is None:
                return
            self._assign_to(slot, assignment)

    def _assign_to(self, slot: Slot, assignment: Assignment) -> None:
        worker = self._slots.ensure_worker(slot, fresh=assignment.alone)
        chunk, items = self._items.of(assignment.chunk)
        assignment = replace(assignment, chunk=chunk)
        slot.assignment, slot.assigned = assignment, time.monotonic()
        slot.was_cut = False
        suspect = assignment.suspect
        announce = self._deaths.announce if suspect is None else Announce.EACH
        failure = suspect.failure if suspect else None
        worker.fresh = False
        if not slot.introduced:
            worker.introduce(self._message())
            slot.introduced = True
        order = Order(chunk, assignment.seconds, announce, failure, items)
        pickled = pickle.dumps if items is None else self._items.pickled
        worker.assign(order, pickled(("chunk", order)))

    def _receive(self, slot: Slot) -> None:
        try:
            message = self._slots.message(slot)
        except EOFError:
            self._worker_died(slot)
            return
        match message:
            case None:
                pass
            case (kind, float(setup_seconds)) if kind == READY and self._joining:
                self._joining.has_joined(slot, setup_seconds)
            case (kind, _) if kind == READY:
                if slot.joining is None:  # It was started in place of another.
                    slot.timeline.until(time.perf_counter(), "start")
            case _ if slot.termination is not None and slot.termination.late is not None:
                pass  # Asked for its stack, it may have left the call that took too long.
            case (kind, outcome, results) if kind == DONE:
                self._chunk_done(slot, outcome, results)
            case BaseException() as error:
                if not (self._joining and self._joining.can_do_without(slot, error)):
                    raise error

    def _receive_rest(self, slot: Slot) -> None:
        """A worker is dead. Its channel may be open still, in processes that its function forked."""
        worker = self._slots.worker(slot)
        while not worker.closed:
            if worker.readable():
                self._receive(slot)
            else:
                self._worker_died(slot)

    def _chunk_done(self, slot: Slot, outcome: Outcome | None, results: HandedBack | None) -> None:
        """A chunk was done. Its part is written, unless there are `results` to be written here.

        Without an outcome: a budget allowed no call. Raises what has ended the calls.
        """
        assignment, slot.assignment = slot.assignment, None
        assert assignment is not None
        self._twins.answered(slot)
        if outcome is None:
            self._assignments.cut_off(assignment)
            return
        part, chunk, suspect = outcome.part, assignment.chunk, assignment.suspect
        if suspect is not None and suspect.tries:  # by workers that have not come back
            part = replace(part, retried=part.retried + suspect.tries)
        if self._joining is not None:
            self._joining.growth.saw(part)
        self._assignments.done(assignment, busy_seconds(part), outcome.rest)
        slot.timeline.add_chunk(part, outcome.import_seconds, outcome.ended)
        if results is None:
            self._workers.accept(self._work.generation, part)
            self._parts.add(*outcome.range(chunk), part)
        if slot.idle and self._slots.worker(slot).should_be_replaced(self._limits.memory):
            self._slots.retire(slot)
        self._assign()
        now = time.perf_counter()
        if self._joining is not None and self._is_shared and slot.assignment is not None:
            self._joining.growth.answered(now - outcome.ended, busy_seconds(part))
        slot.timeline.until(now, "wait")
        if results is not None:
            # Not before its worker has something to do.
            part = write_handed_back(self._work, part, results)
            self._parts.add(*outcome.range(chunk), part)
            if slot.idle:
                slot.timeline.until(time.perf_counter(), "write")
        self._progress.done(part.items, outcome.size(chunk))
        outcome.raise_error()

    def _seconds_to_wait(self) -> float:
        """Seconds until limits are to be checked, or something can be assigned again."""
        waits = [self._look_seconds]
        if not len(self._slots):
            return 0.0
        if self._limits.period is not None and self._workers.watched:
            waits.append(self._limits.period)
        if any(slot.idle for slot in self._slots):
            waits.append(LATE_SECONDS / 2)
        # Where no slot is idle nothing can be assigned anyway.
        if self._assignments.more and any(slot.idle for slot in self._slots):
            waits.append(max(0.0, self._assignments.next_due() - time.monotonic()))
            if self._assignments.awaits:
                waits.append(_ARRIVAL_SECONDS)
        return min(waits)

    def _worker_died(self, slot: Slot) -> None:
        """A worker is dead, and all that it had sent was received."""
        worker = self._slots.worker(slot)
        self._slots.forget(slot, died=True)
        how = worker.ended()
        slot.timeline.add({}, time.perf_counter())
        assignment, slot.assignment = slot.assignment, None
        termination, slot.termination = slot.termination, None
        if assignment is not None:
            chunk = assignment.chunk.number
            self._parts.discard(chunk)
            death = worker.death(chunk, how, termination, slot.assigned)
            if not self._twins.died(slot, assignment):
                self._deaths.died(assignment, death, worker.pid)
        worker.close()
        if slot.joining is not None and self._joining is not None:
            self._joining.has_died(slot, how)
        self._assign()
