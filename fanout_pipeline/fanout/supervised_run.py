"""One run of a crew of worker processes: gives out chunks, gathers parts, replaces who dies.

A worker has one chunk at a time, and what begins earlier in the input is begun first, so that no
first index is waited for longer than an earlier chunk takes to be read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from selectors import EVENT_READ, DefaultSelector

from fanout_pipeline.fanout.black_box import Announce, Call
from fanout_pipeline.fanout.chunk_plan import ChunkPlan
from fanout_pipeline.fanout.chunk_work import Piece
from fanout_pipeline.fanout.contract import Ran, Work
from fanout_pipeline.fanout.lanes import Lane, busy_seconds, seconds_of
from fanout_pipeline.fanout.numbering import CountedRanges
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.sending import sent
from fanout_pipeline.fanout.supervision import Death, Split, Suspect, Suspects
from fanout_pipeline.fanout.usage import memory_bytes, resident_bytes
from fanout_pipeline.fanout.watch import CallTimes, Memory
from fanout_pipeline.fanout.worker import COUNTED, DONE, READY, Order
from fanout_pipeline.fanout.worker_process import Traffic, WorkerProcess
from fanout_pipeline.parts.numbered import Numbered
from fanout_pipeline.sources.source import Chunk

_ANNOUNCED_SECONDS = 0.25
"""Pieces whose calls are announced are no longer than this: so much is done again at most."""

_DEATHS_TOLD = 20
"""So many are logged."""


@dataclass(eq=False, slots=True)
class _Place:
    """Where one worker works, or another after it."""

    number: int
    lane: Lane
    chunk: Chunk | None = None
    """What the worker has to do."""
    suspect: Suspect | None = None
    """As what it was given."""
    announce: Announce = Announce.NOTHING
    given: float = 0.0
    """When (time.monotonic)."""
    ended: str | None = None
    """Why we have ended the worker."""
    late: Call | None = None
    """The call for which we did."""

    @property
    def idle(self) -> bool:
        return self.chunk is None and self.ended is None


class SupervisedRun:
    """`workers` is the crew's list; `start_another` puts a new worker in a place of it."""

    def __init__(
        self,
        workers: list[WorkerProcess],
        start_another: Callable[[int], None],
        work: Work,
        progress: Progress,
        memory_mb: int | None,
    ):
        began, cpu_began = time.perf_counter(), time.thread_time()
        self._workers = workers
        self._start_another = start_another
        self._source = work.source
        self._progress = progress
        self._plan = ChunkPlan(work.chunks, len(workers), work.fixed)
        self._suspects = Suspects(work.failures, len(workers))
        self._ranges = CountedRanges()
        self._awaited: dict[int, _Place] = {}
        """Who waits for which chunk's first index, by where the chunk starts."""
        self._parts = Numbered(work.folder)
        self._times = CallTimes(work.failures.item_timeout_seconds)
        self._announce = self._times.announce
        self._memory = Memory(memory_mb, memory_bytes() // len(workers))
        periods = [period for period in (self._times.period, self._memory.period) if period]
        self._period = min(periods, default=None)
        self._looked = 0.0
        self._deaths = 0
        self._places = [_Place(number, Lane(began)) for number in range(len(workers))]
        self._traffic = Traffic()
        self._selector = DefaultSelector()
        progress.begin(self._plan.size)
        # Not the batch function: what its module imports would be imported for nothing.
        self._message = sent(replace(work, chunks=(), batch_function=None))
        self._pickle_seconds = time.thread_time() - cpu_began

    def ran(self) -> Ran:
        """Give out chunks until none is left and none is being worked on.

        Raises what the function or a source raised, or WorkerDied.
        """
        with self._selector:
            for place in self._places:
                worker = self._worker(place)
                if not worker.gone and worker.has_ended():
                    worker.close()
                if not worker.gone:
                    self._brief(place)
            self._give()
            while self._suspects or not all(place.idle for place in self._places):
                for key, _ in self._selector.select(self._seconds_to_wait()):
                    # It may have been replaced since.
                    if key.fileobj is self._worker(key.data) and not key.fileobj.gone:
                        self._take(key.data)
                if self._period is not None:
                    self._look(time.monotonic(), self._period)
                if self._suspects:
                    self._give()
        ended = time.perf_counter()
        for place in self._places:
            place.lane.until(ended, "wait")
        return Ran(
            self._parts.in_order(),
            tuple(place.lane for place in self._places),
            self._traffic.sent_bytes,
            # What is pickled here is unpickled there, and the other way round.
            2 * (self._pickle_seconds + self._traffic.pickle_seconds),
        )

    def _worker(self, place: _Place) -> WorkerProcess:
        return self._workers[place.number]

    def _brief(self, place: _Place) -> None:
        """Send the work to a worker and listen to it."""
        worker = self._worker(place)
        worker.traffic = self._traffic
        self._selector.register(worker, EVENT_READ, place)
        worker.send_pickled(self._message)

    def _give(self) -> None:
        """A chunk for each worker that has none, as far as there are chunks."""
        for place in self._places:
            if place.idle and not self._give_one(place):
                return

    def _give_one(self, place: _Place) -> bool:
        suspect = self._suspects.take(time.monotonic()) if self._suspects else None
        if suspect is None:
            chunk = self._plan.take()
            if chunk is None:
                return False
        else:
            chunk = self._plan.numbered(suspect.chunk.start, suspect.chunk.stop)
        self._make_ready(place, suspect)
        place.chunk, place.suspect, place.given = chunk, suspect, time.monotonic()
        place.announce = self._announce if suspect is None else Announce.EACH
        first_index = self._ranges.first_index(chunk)
        if first_index is None:
            self._awaited[chunk.start] = place
        seconds = self._plan.seconds(chunk)
        if suspect is not None and not math.isinf(seconds):
            seconds = min(seconds, _ANNOUNCED_SECONDS)
        failure = suspect.failure if suspect else None
        worker = self._worker(place)
        worker.fresh = False
        worker.send(("chunk", Order(chunk, first_index, seconds, place.announce, failure)))
        return True

    def _make_ready(self, place: _Place, suspect: Suspect | None) -> None:
        """See to it that a worker is there; for an item that is suspected, a fresh one."""
        alone = suspect is not None and suspect.alone and suspect.failure is None
        worker = self._worker(place)
        if alone and not (worker.fresh or worker.gone):
            self._retire(place)
        if worker.gone:
            self._start_another(place.number)
            self._brief(place)

    def _take(self, place: _Place) -> None:
        try:
            message = self._worker(place).receive()
        except EOFError:
            self._lost(place)
            return
        match message:
            case (kind, _) if kind == READY:  # it was started in the place of another
                place.lane.until(time.perf_counter(), "start")
            case (kind, chunk, items) if kind == COUNTED:
                self._counted(chunk, items)
            case (kind, piece, began, imported, ended) if kind == DONE:
                self._done(place, piece, began, imported, ended)
            case BaseException() as error:
                raise error

    def _counted(self, chunk: Chunk, items: int) -> None:
        for start, first_index in self._ranges.add(chunk, items):
            if start in self._awaited:
                self._worker(self._awaited.pop(start)).send(first_index)

    def _done(
        self, place: _Place, piece: Piece, began: float, imported: float, ended: float
    ) -> None:
        chunk, place.chunk = place.chunk, None
        assert chunk is not None
        seconds, rest = busy_seconds(piece.part), piece.rest
        unsuspected = self._suspects.done(place.suspect, seconds, rest)
        if rest is not None and unsuspected is None:
            self._plan.done(replace(chunk, stop=rest.start), seconds, None)
        else:
            self._plan.done(chunk, seconds, rest)
        self._parts.add(chunk.start, piece.part)
        place.lane.worked(began, seconds_of(piece.part), imported, ended)
        self._replace_if_grown(place)
        self._give()
        place.lane.until(time.perf_counter(), "send")
        self._progress.done(piece.part.items, piece.size(chunk))

    def _replace_if_grown(self, place: _Place) -> None:
        worker = self._worker(place)
        worker.resident_bytes = resident_bytes(worker.pid)
        if not worker.first_bytes:
            worker.first_bytes = worker.resident_bytes
        if place.idle and self._memory.has_grown(worker.first_bytes, worker.resident_bytes):
            self._retire(place)

    def _retire(self, place: _Place) -> None:
        worker = self._worker(place)
        self._selector.unregister(worker)
        worker.retire()

    def _seconds_to_wait(self) -> float | None:
        """Until something is to be looked at, or to be given out again; None: until a worker says so."""
        waits = [] if self._period is None else [self._period]
        # Where no place is idle nothing can be given out anyway.
        if self._suspects and any(place.idle for place in self._places):
            waits.append(max(0.0, self._suspects.next_due() - time.monotonic()))
        return min(waits, default=None)

    def _look(self, now: float, period: float) -> None:
        """End workers that have too much memory, or are too long in one call."""
        if now - self._looked < period:
            return
        self._looked = now
        for place in self._places:
            if place.chunk is None or place.ended is not None:
                continue
            worker = self._worker(place)
            if self._memory.limit_mb is not None:
                worker.resident_bytes = resident_bytes(worker.pid)
                place.ended = self._memory.exceeded(worker.resident_bytes)
            if place.ended is None and self._times.limit is not None:
                call = worker.box.call() if worker.box.has_begun(place.chunk.number) else None
                if self._times.late(place.number, place.chunk.number, call, now):
                    worker.ask_for_stack()
                    place.ended = f"took longer than {self._times.limit:g} s"
                    place.late = call
            if place.ended is not None:
                worker.kill()

    def _lost(self, place: _Place) -> None:
        """A worker is dead, and all that it has sent was taken."""
        worker = self._worker(place)
        self._selector.unregister(worker)
        how = worker.ended()
        place.lane.told({}, time.perf_counter())
        chunk, place.chunk = place.chunk, None
        if chunk is not None:
            self._awaited.pop(chunk.start, None)
            self._plan.lost(chunk)
            self._parts.discard(chunk.number)
            self._suspect(place, chunk, worker, place.ended or how)
        place.ended = place.late = None
        worker.close()
        self._give()

    def _suspect(self, place: _Place, chunk: Chunk, worker: WorkerProcess, how: str) -> None:
        call = worker.box.call()
        if place.late is not None and place.late != call:  # It ended in the meantime.
            self._suspects.unharmed(chunk, place.suspect)
            return
        now = time.monotonic()
        death = Death(
            how,
            seconds=now - place.given,
            begun=worker.box.has_begun(chunk.number),
            late=place.late is not None,
            stack=worker.box.stack(),
        )
        split = self._split(place, chunk, worker, call) if death.begun else None
        if split is None and death.late:
            # One of a slice of items that had been quick so far.
            self._announce = Announce.EACH
        self._tell(worker, chunk, death)
        self._suspects.died(chunk, place.suspect, death, split, now)

    def _split(
        self, place: _Place, chunk: Chunk, worker: WorkerProcess, call: Call | None
    ) -> Split | None:
        """The chunk around the item that was being called; None where that is not known."""
        if place.suspect is not None and place.suspect.alone:
            return Split(None, chunk, None) if worker.box.has_called else None
        if call is None or call.item is None:
            return None
        raw = self._source.load(chunk)
        start = self._source.rest(chunk, raw, call.item).start if call.item else chunk.start
        # The last item may end after the chunk.
        stop = min(chunk.stop, self._source.rest(chunk, raw, call.item + 1).start)
        before = replace(chunk, stop=start) if call.item else None
        item = replace(chunk, start=start, stop=stop)
        after = replace(chunk, start=stop) if stop < chunk.stop else None
        if before is not None:
            self._counted(before, call.item)
        self._counted(item, 1)
        return Split(before, item, after)

    def _tell(self, worker: WorkerProcess, chunk: Chunk, death: Death) -> None:
        self._deaths += 1
        if self._deaths > _DEATHS_TOLD:
            return
        how = f"was ended, for a call {death.how}" if death.late else death.how
        self._progress.say(
            f"worker process {worker.pid} {how}; it had chunk {chunk.number} (bytes "
            f"{chunk.start:,} to {chunk.stop:,}), which is done again"
        )
