"""One run of a pool of worker processes: gives out chunks, collects parts, replaces workers that die.

A worker has one chunk at a time. Chunks are begun in the order of the input.
"""

from __future__ import annotations

import time
from dataclasses import replace

from fanout_pipeline.engine.calls.call_log import Announce
from fanout_pipeline.engine.calls.outcome import Outcome
from fanout_pipeline.engine.calls.typed import stated
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.strategy import Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.assignments import Assignment, Assignments, split_at
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.scheduling.suspects import Death, Suspects
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.engine.workers.handing_back import SENT_BYTES, write_handed_back
from fanout_pipeline.engine.workers.limits import Limits
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import DONE, READY, SPENT, Order
from fanout_pipeline.engine.workers.relayed_logs import log_levels
from fanout_pipeline.engine.workers.slots import Slot, Slots, Workers
from fanout_pipeline.results.types.buffer import ResultBuffer

_ARRIVAL_SECONDS = 0.01
"""How often is looked whether something has arrived, while a worker has nothing to do."""
_LOGGED_DEATHS = 20
"""How many deaths of workers are logged; the rest are not."""


class SupervisedRun:
    """One run of the workers of a pool, each of which may use `memory_mb`."""

    def __init__(self, workers: Workers, work: Work, progress: Progress, memory_mb: int | None):
        began = time.perf_counter()
        self._work = work
        self._workers = workers
        self._progress = progress
        plan = ChunkPlan(
            work.chunks,
            len(workers),
            work.fixed,
            given=work.first_number,
            arrivals=work.arrivals,
        )
        self._assignments = Assignments(plan, Suspects(work.failures, len(workers)))
        self._parts = part_collector(work)
        self._limits = Limits(work.failures.item_timeout_seconds, memory_mb, len(workers))
        self._announce = self._limits.times.announce
        self._deaths = 0
        progress.begin(plan.expected_size)
        # Not the batch function: what its module imports would be imported for nothing.
        slim = replace(work, chunks=(), finished=(), batch_function=None, seen=None)
        slim = replace(slim, arrivals=None, spooled=None)
        sendable_bytes = SENT_BYTES // len(workers)
        message = ("work", slim, log_levels(), sendable_bytes)
        self._sent_before = workers.sent_bytes
        function = stated(work.function)
        self._message = pickle_with_function(message, function, work.source, progress.log_once)
        """What a worker is sent before its first chunk."""
        self._slots = Slots(workers, began)

    def ran(self) -> Ran:
        """Give out chunks until none is left and none is being worked on.

        Raises what the function or a source raised, or WorkerDied.
        """
        with self._slots as slots:
            self._assign()
            while self._assignments.more or not slots.all_idle:
                for slot, has_ended in slots.poll(self._seconds_to_wait()):
                    if has_ended:
                        self._receive_rest(slot)
                    else:
                        self._receive(slot)
                self._check_limits()
                if self._assignments.more:
                    self._assign()
        return Ran(
            self._parts.in_order(),
            self._slots.timelines(time.perf_counter()),
            self._workers.sent_bytes - self._sent_before,
        )

    def _assign(self) -> None:
        """Give a chunk to each worker that has none, as far as there are chunks."""
        for slot in self._slots:
            if slot.idle:
                assignment = self._assignments.take(time.monotonic())
                if assignment is None:
                    return
                self._assign_to(slot, assignment)

    def _assign_to(self, slot: Slot, assignment: Assignment) -> None:
        worker = self._slots.ensure_worker(slot, fresh=assignment.alone)
        slot.assignment, slot.assigned = assignment, time.monotonic()
        suspect = assignment.suspect
        announce = self._announce if suspect is None else Announce.EACH
        failure = suspect.failure if suspect else None
        worker.fresh = False
        if not slot.introduced:
            worker.send_pickled(self._message)
            slot.introduced = True
        worker.send(("chunk", Order(assignment.chunk, assignment.seconds, announce, failure)))

    def _receive(self, slot: Slot) -> None:
        try:
            message = self._slots.message(slot)
        except EOFError:
            self._worker_died(slot)
            return
        match message:
            case None:
                pass
            case (kind, _) if kind == READY:  # It was started in place of another.
                slot.timeline.until(time.perf_counter(), "start")
            case _ if slot.termination is not None and slot.termination.late is not None:
                pass  # Asked for its stack, it may have left the call that took too long.
            case (kind, outcome, results) if kind == DONE:
                self._chunk_done(slot, outcome, results)
            case (kind, _) if kind == SPENT:
                slot.assignment = None
                self._assignments.cut_off()
            case BaseException() as error:
                raise error

    def _receive_rest(self, slot: Slot) -> None:
        """A worker is dead. Its channel may be open still, in processes that its function forked."""
        worker = self._slots.worker(slot)
        while not worker.closed:
            if worker.channel.readable():
                self._receive(slot)
            else:
                self._worker_died(slot)

    def _chunk_done(self, slot: Slot, outcome: Outcome, results: ResultBuffer | None) -> None:
        """A chunk was done. Its part is written, unless there are `results` to be written here."""
        assignment, slot.assignment = slot.assignment, None
        assert assignment is not None
        part, chunk = outcome.part, assignment.chunk
        self._assignments.done(assignment, busy_seconds(part), outcome.rest)
        slot.timeline.add_chunk(part, outcome.import_seconds, outcome.ended)
        if results is None:
            self._parts.add(*outcome.range(chunk), part)
        if slot.idle and self._slots.worker(slot).should_be_replaced(self._limits.memory):
            self._slots.retire(slot)
        self._assign()
        slot.timeline.until(time.perf_counter(), "wait")
        if results is not None:
            # Not before its worker has something to do.
            part = write_handed_back(self._work, part, results)
            self._parts.add(*outcome.range(chunk), part)
            if slot.idle:
                slot.timeline.until(time.perf_counter(), "write")
        self._progress.done(part.items, outcome.size(chunk))

    def _seconds_to_wait(self) -> float:
        """Seconds until limits are to be checked, or something can be assigned again."""
        waits = [WAIT_SECONDS]
        if self._limits.period is not None:
            waits.append(self._limits.period)
        # Where no slot is idle nothing can be assigned anyway.
        if self._assignments.more and any(slot.idle for slot in self._slots):
            waits.append(max(0.0, self._assignments.next_due() - time.monotonic()))
            if self._assignments.awaits:
                waits.append(_ARRIVAL_SECONDS)
        return min(waits)

    def _check_limits(self) -> None:
        """End workers that use too much memory, or have been in one call for too long."""
        now = time.monotonic()
        if not self._limits.is_due(now):
            return
        for slot in self._slots:
            if slot.assignment is None or slot.termination is not None:
                continue
            worker, chunk = self._slots.worker(slot), slot.assignment.chunk.number
            termination = self._limits.termination(worker.pid, worker.call_log, chunk, now)
            if termination is None:
                continue
            if termination.late is not None:
                if termination.late != worker.call_log.call():
                    continue  # It ended at the last moment.
                worker.ask_for_stack()
            slot.termination = termination
            # What it has sent before is read first, and then the end of its channel.
            worker.kill()

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
            self._suspect(assignment, worker, death)
        worker.close()
        self._assign()

    def _suspect(self, assignment: Assignment, worker: WorkerProcess, death: Death) -> None:
        """Find out which of the chunk's items may be to blame, and have the chunk done again."""
        chunk, call, split = assignment.chunk, death.call, None
        if death.begun and call is not None and call.item is not None:
            split = split_at(self._work.source, chunk, call.item)
        elif death.late:  # One of a slice of items that had been quick so far.
            self._announce = Announce.EACH
        self._deaths += 1
        if self._deaths <= _LOGGED_DEATHS:
            self._progress.log(death.log_line(worker.pid, chunk))
        self._assignments.died(assignment, death, split, time.monotonic())
