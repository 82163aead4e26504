"""A process of ours on a worker of a cluster, as a run sees it: see `workers.worker`, and `lanes` for the other side."""

from __future__ import annotations

import os
import pickle
import select
import threading
import time
import uuid
from collections import deque
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.call_log import CallLog
from fanout_pipeline.engine.calls.outcome import Outcome
from fanout_pipeline.engine.clusters.engine import Engine
from fanout_pipeline.engine.clusters.requests import Answer, Request, gone
from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.workers.limits import Memory, Termination
from fanout_pipeline.engine.workers.protocol import CUT, DONE, LEAVE_CALLS, Order
from fanout_pipeline.engine.workers.worker import Worker


class _UnseenCalls(CallLog):
    """Stands for the call log, which only the worker's own machine sees."""

    def __init__(self) -> None:
        self.left_out: tuple[int, Any] = 0, None

    def forget(self) -> None:
        return

    def kept(self, ended: bool) -> tuple[int, Any]:
        found, self.left_out = self.left_out, (0, None)
        return found


class ClusterWorker(Worker):
    """A lane and its process. Its end is final: another takes its place."""

    end = None

    def __init__(self, engine: Engine, place: str, share: int, memory_mb: int | None):
        self.place = place
        """The worker of the cluster on which it is."""
        self.pid = 0
        self.fresh, self.closed = True, False
        self.sent_bytes = 0
        self.call_log = _UnseenCalls()
        self.item_timeout_seconds: float | None = None
        self.used: ProcessUsage | None = None
        """What the process had used at its last answer."""
        self._engine = engine
        self._key = uuid.uuid4().hex
        self._memory_mb = memory_mb
        self._introduction: tuple[bytes, bytes] | None = None
        self._answers: deque[Answer] = deque()
        self._messages: deque[bytes] = deque()
        """What has come with an answer, and was not received yet."""
        self._last: Answer | None = None
        """The answer that says how it has died."""
        self._full = self._is_over = False
        self._arriving = threading.Lock()
        self._hears, self._bell = os.pipe()
        engine.open_lane(self._key, place, os.getcwd(), share)

    def fileno(self) -> int:
        return self._hears

    def introduce(self, message: bytes) -> None:
        """The message is a pair of what is sent first, pickled: see `Request.introduction`."""
        self._introduction = pickle.loads(message)

    def assign(self, order: Order, message: bytes) -> None:
        self._request(message, order.chunk.number, order.seconds)

    def send(self, message: Any) -> None:
        self.send_pickled(pickle.dumps(message))

    def send_pickled(self, message: bytes) -> None:
        if message == LEAVE_CALLS:
            self._engine.leave_calls(self._key, self.place)
        elif message != CUT:  # The lane cuts what takes too long.
            self._request(message)

    def _request(self, message: bytes, chunk: int | None = None, seconds: float = 0.0) -> None:
        limits = self.item_timeout_seconds, self._memory_mb
        request = pickle.dumps(Request(message, self._introduction, chunk, seconds, *limits))
        self._introduction = None
        self.sent_bytes += len(request)
        self._engine.do(self._key, self.place, request, self._answered)

    def _answered(self, answer: bytes | None) -> None:
        """Called by a thread of the engine."""
        if answer is None:
            self.lose()
        else:
            self.sent_bytes += len(answer)
            self._arrive(pickle.loads(answer))

    def lose(self) -> None:
        """The worker of the cluster is gone."""
        lost = gone(f"was lost with {self.place}")
        assert lost.death is not None
        # Nobody knows what it did: as much as it had may be to blame.
        self._arrive(lost._replace(death=replace(lost.death, begun=True)))

    def _arrive(self, answer: Answer, *, only: bool = False) -> None:
        """`only`: what has come before is not received any more."""
        with self._arriving:
            if self.closed or self._is_over:
                return
            if only:
                self._answers.clear()
                self._messages.clear()
            self._answers.append(answer)
            self._is_over = answer.message is None
            os.write(self._bell, b".")

    def receive_ready(self) -> Any | None:
        if not self._messages and self._answers:
            self._take(self._answers.popleft())
        if not self._messages:
            if self._last is not None:
                raise EOFError
            return None
        message = pickle.loads(self._messages.popleft())
        with self._arriving:
            if not (self._messages or self._answers or self._last):
                os.read(self._hears, 4096)
        match message:
            case (kind, Outcome() as outcome, results) if kind == DONE:
                # Times of another machine's clock say nothing here.
                now = time.perf_counter()
                took = outcome.ended - outcome.began
                return kind, outcome._replace(began=now - took, ended=now), results
        return message

    def _take(self, answer: Answer) -> None:
        self.pid = answer.pid or self.pid
        self.used = answer.used or self.used
        self._full = answer.full
        if answer.left_out[0]:
            self.call_log.left_out = answer.left_out
        self._messages.extend(answer.logged)
        if answer.message is not None:
            self._messages.append(answer.message)
        else:
            self._last = answer

    def readable(self) -> bool:
        return bool(self._messages or self._answers or self._last)

    def wait_readable(self, seconds: float) -> None:
        if self._last is not None and not self._messages:
            raise EOFError
        poll = select.poll()
        poll.register(self._hears, select.POLLIN)
        poll.poll(1000 * seconds)

    def should_be_replaced(self, memory: Memory) -> bool:
        return self._full

    def ask_for_stack(self) -> None:
        return

    def has_ended(self) -> bool:
        return self._last is not None

    def ended(self) -> str:
        return (
            "was ended" if self._last is None or self._last.death is None else self._last.death.how
        )

    def death(self, chunk: int, how: str, termination: Termination | None, since: float) -> Death:
        assert self._last is not None
        assert self._last.death is not None
        return self._last.death

    def kill(self) -> None:
        self._engine.close_lane(self._key, self.place)
        self._arrive(gone("was ended"), only=True)

    def retire(self) -> None:
        self.close()

    def close(self) -> None:
        with self._arriving:
            if self.closed:
                return
            self.closed = True
            os.close(self._hears)
            os.close(self._bell)
        self._engine.close_lane(self._key, self.place)
