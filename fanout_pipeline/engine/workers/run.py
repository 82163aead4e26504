"""One run of a crew of worker processes: gives out chunks, gathers parts, replaces who dies.

A worker has one chunk at a time; what begins earlier in the input is begun first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from fanout_pipeline.engine.calls.call_log import Announce
from fanout_pipeline.engine.calls.handing_back import HandedBack, Writer
from fanout_pipeline.engine.calls.outcome import Outcome
from fanout_pipeline.engine.functions.serialize import sent
from fanout_pipeline.engine.model.strategy import Ran, Work
from fanout_pipeline.engine.scheduling.assignments import Assignment, Assignments, split_at
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.resume import part_collector
from fanout_pipeline.engine.scheduling.suspects import Death, Suspects
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.timing.timeline import busy_seconds, seconds_of
from fanout_pipeline.engine.workers.limits import Limits
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import DONE, READY, Order
from fanout_pipeline.engine.workers.relayed_logs import Logged, log_levels
from fanout_pipeline.engine.workers.slots import Slot, Slots
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

_DEATHS_TOLD = 20
"""So many are logged."""


class SupervisedRun:
    """`workers` is the crew's list; `start_another` puts a new worker in a place of it.

    With `hand_back` workers hand results back for as long as that is cheaper: see `handing_back`.
    """

    def __init__(
        self,
        workers: list[WorkerProcess],
        start_another: Callable[[int], None],
        work: Work,
        progress: Progress,
        memory_mb: int | None,
        hand_back: bool,
    ):
        began, cpu_began = time.perf_counter(), time.thread_time()
        self._source = work.source
        self._progress = progress
        plan = ChunkPlan(work.chunks, len(workers), work.fixed, given=work.first_number)
        self._assignments = Assignments(plan, Suspects(work.failures, len(workers)))
        self._parts = part_collector(work)
        self._writer = Writer(work.generation, plan.size, hand_back)
        self._limits = Limits(work.failures.item_timeout_seconds, memory_mb, len(workers))
        self._announce = self._limits.times.announce
        self._deaths = 0
        progress.begin(plan.size)
        # Not the batch function: what its module imports would be imported for nothing.
        slim = replace(work, chunks=(), finished=(), batch_function=None, seen=None)
        message = sent(("work", slim, log_levels()), work.function, progress.log_once)
        self._slots = Slots(workers, start_another, message, began, Logged())
        self._pickle_seconds = time.thread_time() - cpu_began

    def ran(self) -> Ran:
        """Give out chunks until none is left and none is being worked on.

        Raises what the function or a source raised, or WorkerDied.
        """
        with self._slots as slots:
            self._give()
            while self._assignments.again or not slots.all_idle:
                for slot, has_ended in slots.poll(self._seconds_to_wait()):
                    if has_ended:
                        self._take_all(slot)
                    else:
                        self._take(slot)
                self._look()
                if self._assignments.again:
                    self._give()
        traffic = self._slots.traffic
        return Ran(
            self._parts.in_order(),
            self._slots.wait_until(time.perf_counter()),
            traffic.sent_bytes,
            # What is pickled here is unpickled there, and the other way round.
            2 * (self._pickle_seconds + traffic.pickle_seconds),
        )

    def _give(self) -> None:
        """A chunk for each worker that has none, as far as there are chunks."""
        for slot in self._slots:
            if slot.idle:
                assignment = self._assignments.take(time.monotonic())
                if assignment is None:
                    return
                self._give_to(slot, assignment)

    def _give_to(self, slot: Slot, assignment: Assignment) -> None:
        worker = self._slots.ensure_worker(slot, fresh=assignment.alone)
        slot.has, slot.given = assignment, time.monotonic()
        chunk, suspect = assignment.chunk, assignment.suspect
        announce = self._announce if suspect is None else Announce.EACH
        failure = suspect.failure if suspect else None
        worker.fresh = False
        order = Order(chunk, assignment.seconds, announce, self._writer.hand_back, failure)
        worker.send(("chunk", order))

    def _take(self, slot: Slot) -> None:
        try:
            message = self._slots.message(slot)
        except EOFError:
            self._lost(slot)
            return
        match message:
            case None:
                pass
            case (kind, _) if kind == READY:  # it was started in the place of another
                slot.timeline.until(time.perf_counter(), "start")
            case _ if slot.termination is not None and slot.termination.late is not None:
                pass  # Asked for its stack, it may have left the call that took too long.
            case (kind, piece, began, imported, ended) if kind == DONE:
                self._done(slot, piece, began, imported, ended)
            case BaseException() as error:
                raise error

    def _take_all(self, slot: Slot) -> None:
        """A worker is dead. Its channel may be open still, in processes that its function forked."""
        worker = self._slots.worker(slot)
        while not worker.gone:
            if worker.channel.readable():
                self._take(slot)
            else:
                self._lost(slot)

    def _done(
        self,
        slot: Slot,
        piece: Outcome[PartRecord | HandedBack],
        began: float,
        imported: float,
        ended: float,
    ) -> None:
        assignment, slot.has = slot.has, None
        assert assignment is not None
        chunk = assignment.chunk
        self._assignments.done(assignment, busy_seconds(piece.part), piece.rest)
        slot.timeline.worked(began, seconds_of(piece.part), imported, ended)
        written = isinstance(piece.part, PartRecord)
        if written:
            self._record(chunk, piece)
        if slot.idle and self._slots.worker(slot).has_grown(self._limits.memory, written):
            self._slots.retire(slot)
        self._give()
        slot.timeline.until(time.perf_counter(), "send")
        if not written:
            # Not before: its worker has something to do meanwhile.
            self._record(chunk, piece)
            if slot.idle:
                slot.timeline.until(time.perf_counter(), "write")
        self._progress.done(piece.part.items, piece.size(chunk))

    def _record(self, chunk: Chunk, piece: Outcome[PartRecord | HandedBack]) -> None:
        part = self._writer.written(piece.part, piece.size(chunk))
        self._parts.add(*piece.range(chunk), part)

    def _seconds_to_wait(self) -> float:
        """Until something is to be looked at, or to be given out again."""
        waits = [WAIT_SECONDS]
        if self._limits.period is not None:
            waits.append(self._limits.period)
        # Where no place is idle nothing can be given out anyway.
        if self._assignments.again and any(slot.idle for slot in self._slots):
            waits.append(max(0.0, self._assignments.next_due() - time.monotonic()))
        return min(waits)

    def _look(self) -> None:
        """End workers that have too much memory, or are too long in one call."""
        now = time.monotonic()
        if not self._limits.is_time(now):
            return
        for slot in self._slots:
            if slot.has is None or slot.termination is not None:
                continue
            worker = self._slots.worker(slot)
            chunk = slot.has.chunk.number
            slot.termination = self._limits.termination(worker.pid, worker.box, chunk, now)
            if slot.termination is not None:
                if slot.termination.late is not None:
                    if slot.termination.late != worker.box.call():
                        slot.termination = None  # It ended at the last moment.
                        continue
                    worker.ask_for_stack()
                # What it has sent before comes first, and then the end of its channel.
                worker.kill()

    def _lost(self, slot: Slot) -> None:
        """A worker is dead, and all that it has sent was taken."""
        worker = self._slots.worker(slot)
        self._slots.forget(slot, died=True)
        how = worker.ended()
        slot.timeline.told({}, time.perf_counter())
        assignment, slot.has = slot.has, None
        termination, slot.termination = slot.termination, None
        if assignment is not None:
            self._parts.discard(assignment.chunk.number)
            death = worker.death(assignment.chunk.number, how, termination, slot.given)
            self._suspect(assignment, worker, death)
        worker.close()
        self._give()

    def _suspect(self, assignment: Assignment, worker: WorkerProcess, death: Death) -> None:
        chunk, call, split = assignment.chunk, death.call, None
        if death.begun and call is not None and call.item is not None:
            split = split_at(self._source, chunk, call.item)
        elif death.late:  # one of a slice of items that had been quick so far
            self._announce = Announce.EACH
        self._deaths += 1
        if self._deaths <= _DEATHS_TOLD:
            self._progress.log(death.log_line(worker.pid, chunk))
        self._assignments.died(assignment, death, split, time.monotonic())
