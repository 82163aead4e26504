"""Where the workers of one run work, and who is listened to: another may take a dead one's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self

from fanout_pipeline.engine.scheduling.assignments import Assignment
from fanout_pipeline.engine.timing.timeline import Lane
from fanout_pipeline.engine.workers.limits import Verdict
from fanout_pipeline.engine.workers.log_records import LOGGED
from fanout_pipeline.engine.workers.process import Traffic, WorkerProcess
from fanout_pipeline.engine.workers.relayed_logs import Logged


@dataclass(eq=False, slots=True)
class Place:
    """Where one worker works, or another after it."""

    number: int
    lane: Lane
    has: Assignment | None = None
    """What the worker has to do,"""
    given: float = 0.0
    """since when (time.monotonic)."""
    verdict: Verdict | None = None
    """Why we have ended the worker."""

    @property
    def idle(self) -> bool:
        return self.has is None and self.verdict is None


class Places:
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
        self._places = [Place(number, Lane(began)) for number in range(len(workers))]
        self._selector = DefaultSelector()
        self.traffic = Traffic()

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def __enter__(self) -> Self:
        for place in self._places:
            if not self.worker(place).gone:
                self._brief(place)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for place in self._places:
            if not (worker := self.worker(place)).gone:
                with suppress(EOFError):
                    while worker.channel.readable():
                        self.message(place)
                self._end_logs(place, died=False)
        self._logged.close()
        self._selector.close()

    @property
    def all_idle(self) -> bool:
        return all(place.idle for place in self._places)

    def worker(self, place: Place) -> WorkerProcess:
        return self._workers[place.number]

    def heard(self, seconds: float) -> Iterator[tuple[Place, bool]]:
        """Wait so long at most; where something has come, and whether it is the worker's end."""
        for place in self._places:
            self._look_at_logs(place)
        self._logged.look()
        for key, _ in self._selector.select(seconds):
            place, worker = key.data
            if not worker.gone:  # It was replaced since.
                yield place, key.fd != worker.fileno()

    def message(self, place: Place) -> Any | None:
        """See `WorkerProcess.receive_ready`; what was logged is dealt with here, and is none."""
        worker = self.worker(place)
        message = worker.receive_ready()
        match message:
            case (kind, position, fields) if kind == LOGGED:
                chunk = place.has.chunk if place.has is not None else None
                self._logged.take(worker.pid, chunk, position, fields)
                return None
        return message

    def staff(self, place: Place, *, fresh: bool = False) -> WorkerProcess:
        """A worker for the place: who is there, or another; `fresh` is one that has done nothing yet."""
        worker = self.worker(place)
        if fresh and not (worker.fresh or worker.gone):
            self.retire(place)
        if worker.gone:
            self._start_another(place.number)
            self._brief(place)
        return self.worker(place)

    def retire(self, place: Place) -> None:
        """Let the worker end."""
        self.forget(place)
        self.worker(place).retire()

    def forget(self, place: Place, *, died: bool = False) -> None:
        """Listen to the worker no more."""
        self._end_logs(place, died)
        worker = self.worker(place)
        self._selector.unregister(worker)
        if worker.end is not None:
            self._selector.unregister(worker.end)

    def wait_until(self, ended: float) -> tuple[Lane, ...]:
        """The lanes; up to then (time.perf_counter) all have waited."""
        for place in self._places:
            place.lane.until(ended, "wait")
        return tuple(place.lane for place in self._places)

    def _look_at_logs(self, place: Place, *, ended: bool = False) -> None:
        worker = self.worker(place)
        if worker.gone:
            return
        count, last = worker.box.kept(ended)
        if count:
            chunk = place.has.chunk if place.has is not None else None
            if chunk is not None and not worker.box.has_begun(chunk.number):
                chunk = None
            self._logged.over(worker.pid, chunk, count, last)

    def _end_logs(self, place: Place, died: bool) -> None:
        self._look_at_logs(place, ended=True)
        self._logged.gone(self.worker(place).pid, died)

    def _brief(self, place: Place) -> None:
        """Send the work to a worker and listen to it."""
        worker = self.worker(place)
        worker.traffic = self.traffic
        worker.box.forget()
        self._selector.register(worker, EVENT_READ, (place, worker))
        if worker.end is not None:
            self._selector.register(worker.end, EVENT_READ, (place, worker))
        worker.send_pickled(self._work)
