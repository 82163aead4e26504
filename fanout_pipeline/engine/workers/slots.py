"""Where the workers of one run work, and who is listened to: another may take a dead one's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self

from fanout_pipeline.engine.scheduling.assignments import Assignment
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.engine.workers.limits import Termination
from fanout_pipeline.engine.workers.log_records import LOGGED
from fanout_pipeline.engine.workers.process import Traffic, WorkerProcess
from fanout_pipeline.engine.workers.relayed_logs import Logged


@dataclass(eq=False, slots=True)
class Slot:
    """Where one worker works, or another after it."""

    number: int
    timeline: WorkerTimeline
    has: Assignment | None = None
    """What the worker has to do,"""
    given: float = 0.0
    """since when (time.monotonic)."""
    termination: Termination | None = None
    """Why we have ended the worker."""

    @property
    def idle(self) -> bool:
        return self.has is None and self.termination is None


class Slots:
    """A context manager, in which messages can be waited for.

    `workers` is the crew's list; `start_another` puts a new worker in a place of it. `work` is sent to
    each worker before anything else, pickled.
    """

    def __init__(
        self,
        workers: list[WorkerProcess],
        start_another: Callable[[int], None],
        work: bytes,
        began: float,
        logged: Logged,
    ):
        self._workers = workers
        self._start_another = start_another
        self._work = work
        self._logged = logged
        self._slots = [Slot(number, WorkerTimeline(began)) for number in range(len(workers))]
        self._selector = DefaultSelector()
        self.traffic = Traffic()

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __enter__(self) -> Self:
        for slot in self._slots:
            if not self.worker(slot).gone:
                self._brief(slot)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for slot in self._slots:
            if not (worker := self.worker(slot)).gone:
                with suppress(EOFError):
                    while worker.channel.readable():
                        self.message(slot)
                self._end_logs(slot, died=False)
        self._logged.close()
        self._selector.close()

    @property
    def all_idle(self) -> bool:
        return all(slot.idle for slot in self._slots)

    def worker(self, slot: Slot) -> WorkerProcess:
        return self._workers[slot.number]

    def poll(self, seconds: float) -> Iterator[tuple[Slot, bool]]:
        """Wait so long at most; where something has come, and whether it is the worker's end."""
        for slot in self._slots:
            self._look_at_logs(slot)
        self._logged.look()
        for key, _ in self._selector.select(seconds):
            slot, worker = key.data
            if not worker.gone:  # It was replaced since.
                yield slot, key.fd != worker.fileno()

    def message(self, slot: Slot) -> Any | None:
        """See `WorkerProcess.receive_ready`; what was logged is dealt with here, and is none."""
        worker = self.worker(slot)
        message = worker.receive_ready()
        match message:
            case (kind, index, fields) if kind == LOGGED:
                self._logged.take(worker.pid, index, fields)
                return None
        return message

    def ensure_worker(self, slot: Slot, *, fresh: bool = False) -> WorkerProcess:
        """A worker for the place: who is there, or another; `fresh` is one that has done nothing yet."""
        worker = self.worker(slot)
        if fresh and not (worker.fresh or worker.gone):
            self.retire(slot)
        if worker.gone:
            self._start_another(slot.number)
            self._brief(slot)
        return self.worker(slot)

    def retire(self, slot: Slot) -> None:
        """Let the worker end."""
        self.forget(slot)
        self.worker(slot).retire()

    def forget(self, slot: Slot, *, died: bool = False) -> None:
        """Listen to the worker no more."""
        self._end_logs(slot, died)
        worker = self.worker(slot)
        self._selector.unregister(worker)
        if worker.end is not None:
            self._selector.unregister(worker.end)

    def wait_until(self, ended: float) -> tuple[WorkerTimeline, ...]:
        """The lanes; up to then (time.perf_counter) all have waited."""
        for slot in self._slots:
            slot.timeline.until(ended, "wait")
        return tuple(slot.timeline for slot in self._slots)

    def _look_at_logs(self, slot: Slot, *, ended: bool = False) -> None:
        worker = self.worker(slot)
        if worker.gone:
            return
        count, last = worker.box.kept(ended)
        if count:
            self._logged.over(worker.pid, count, last)

    def _end_logs(self, slot: Slot, died: bool) -> None:
        self._look_at_logs(slot, ended=True)
        self._logged.gone(self.worker(slot).pid, died)

    def _brief(self, slot: Slot) -> None:
        """Send the work to a worker and listen to it."""
        worker = self.worker(slot)
        worker.traffic = self.traffic
        worker.box.forget()
        self._selector.register(worker, EVENT_READ, (slot, worker))
        if worker.end is not None:
            self._selector.register(worker.end, EVENT_READ, (slot, worker))
        worker.send_pickled(self._work)
