"""The slots of one run: in each a worker works, or after its death another, and messages from all are awaited."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self

from fanout_pipeline.engine.scheduling.assignments import Assignment
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.engine.workers.limits import Termination
from fanout_pipeline.engine.workers.protocol import CLOSE, LEAVE_CALLS, LOGGED
from fanout_pipeline.engine.workers.relayed_logs import RelayedLogs
from fanout_pipeline.engine.workers.worker import Worker, Workers


@dataclass(eq=False, slots=True)
class Slot:
    """Where one worker works, or another after it."""

    number: int
    timeline: WorkerTimeline
    introduced: bool = False
    """Whether the worker has been sent the run's work, as it is before its first chunk."""
    assignment: Assignment | None = None
    """What the worker has to do."""
    assigned: float = 0.0
    """When the assignment was given to the worker (time.monotonic)."""
    termination: Termination | None = None
    """The reason why we have ended the worker."""
    was_cut: bool = False
    """Whether the worker was told to end the slice of calls that it is in."""
    twin: Slot | None = None
    """Where the same range is worked on, too, because this or that worker takes too long."""
    joining: float | None = None
    """When its worker was started, to join the run (time.perf_counter); None once it has joined."""

    @property
    def idle(self) -> bool:
        return self.assignment is None and self.termination is None and self.joining is None


class Slots:
    """A context manager, in which messages can be awaited."""

    def __init__(self, workers: Workers[Any], began: float, has_values: bool):
        """`has_values`: whether workers have something to close in the end."""
        self._has_values = has_values
        self._workers = workers
        self._began = began
        self._logs = RelayedLogs()
        self._slots = [Slot(number, WorkerTimeline(began)) for number in range(len(workers))]
        self._selector = DefaultSelector()

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, *, joins: bool = True) -> Slot:
        """One more, with a worker that was just started. Unless it `joins`, it may be given work at once."""
        self._workers.add()
        now = time.perf_counter()
        slot = Slot(len(self._slots), WorkerTimeline(self._began), joining=now if joins else None)
        slot.timeline.until(now, "wait")
        self._slots.append(slot)
        self._await(slot)
        return slot

    def __enter__(self) -> Self:
        for slot in self._slots:
            if not self.worker(slot).closed:
                self._await(slot)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for slot in self._slots:
            if not (worker := self.worker(slot)).closed:
                with suppress(EOFError):
                    while worker.readable():
                        self.message(slot)
                self._finish_logs(slot, died=False)
        self._logs.report_left_out()
        self._selector.close()

    def free(self) -> Iterator[Slot]:
        """Those that can be given a chunk."""
        return (one for one in self._slots if one.idle and self._workers.can_work(one.number))

    def worker(self, slot: Slot) -> Worker:
        worker: Worker = self._workers[slot.number]
        return worker

    def poll(self, seconds: float) -> Iterator[tuple[Slot, bool]]:
        """Wait so long at most; the slots from which something came, and whether it is the worker's end."""
        for slot in self._slots:
            self._check_logs(slot)
        self._logs.report_due()
        for key, _ in self._selector.select(seconds):
            slot, worker = key.data
            if not worker.closed:  # It was replaced since.
                yield slot, key.fd != worker.fileno()

    def message(self, slot: Slot) -> Any | None:
        """See `WorkerProcess.receive_ready`. A record of `logging` is dealt with here: None."""
        worker = self.worker(slot)
        message = worker.receive_ready()
        match message:
            case (kind, index, fields) if kind == LOGGED:
                self._logs.relay(worker.pid, index, fields)
                return None
        return message

    def ensure_worker(self, slot: Slot, *, fresh: bool = False) -> Worker:
        """The slot's worker, or another where it is closed; `fresh`: or where it was given a chunk before."""
        worker = self.worker(slot)
        if fresh and not (worker.fresh or worker.closed):
            self.retire(slot)
        if worker.closed:
            self._workers.replace(slot.number)
            slot.introduced = False
            self._await(slot)
        return self.worker(slot)

    def retire(self, slot: Slot) -> None:
        """Let the worker end, when it has closed what `setup` has made."""
        if self._has_values:
            self.close_values([slot])
        self.forget(slot)
        self.worker(slot).retire()

    def close_values(
        self, slots: Iterable[Slot], seconds: float = math.inf, *, leave_calls: bool = False
    ) -> None:
        """Have workers close what `setup` has made, and wait for that, at most so long; others are killed."""
        asked = [one for one in slots if one.introduced and not self.worker(one).closed]
        for slot in asked:
            worker = self.worker(slot)
            if leave_calls:
                worker.send_pickled(LEAVE_CALLS)
            worker.send(CLOSE)
        until = time.monotonic() + seconds
        for slot in asked:
            with suppress(EOFError):  # It has ended.
                while (message := self.message(slot)) != (CLOSE, None):
                    left = until - time.monotonic()
                    if left <= 0:
                        self.worker(slot).kill()
                        break
                    if message is None:
                        self.worker(slot).wait_readable(min(left, WAIT_SECONDS))

    def end_joining(self) -> None:
        """End workers that have not joined yet: what they import or make may take long, and nobody needs it any more.

        Those that have just made a value have something to close.
        """
        for slot in self._slots:
            worker = self.worker(slot)
            if slot.joining is None or worker.closed:
                continue
            if not (self._has_values and worker.call_log.has_set_up):
                worker.kill()

    def forget(self, slot: Slot, *, died: bool = False) -> None:
        """Wait for nothing more from the worker."""
        self._finish_logs(slot, died)
        worker = self.worker(slot)
        self._selector.unregister(worker)
        if worker.end is not None:
            self._selector.unregister(worker.end)

    def timelines(self, ended: float) -> tuple[WorkerTimeline, ...]:
        """One of each worker that has joined, all of which have waited until now, `ended` (time.perf_counter)."""
        joined = [slot.timeline for slot in self._slots if slot.joining is None]
        for timeline in joined:
            timeline.until(ended, "wait")
        return tuple(joined)

    def _await(self, slot: Slot) -> None:
        """Await messages from a worker, and its end."""
        worker = self.worker(slot)
        worker.call_log.forget()
        self._selector.register(worker, EVENT_READ, (slot, worker))
        if worker.end is not None:
            self._selector.register(worker.end, EVENT_READ, (slot, worker))

    def _check_logs(self, slot: Slot, *, ended: bool = False) -> None:
        """See whether the worker has left records of `logging` out."""
        worker = self.worker(slot)
        if not worker.closed:
            count, last = worker.call_log.kept(ended)
            if count:
                self._logs.left_out(worker.pid, count, last)

    def _finish_logs(self, slot: Slot, died: bool) -> None:
        self._check_logs(slot, ended=True)
        self._logs.worker_ended(self.worker(slot).pid, died)
