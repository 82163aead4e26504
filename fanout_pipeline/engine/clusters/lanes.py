"""What runs in a worker of a cluster: lanes, each of which is a thread with one process of ours (see `workers.process`).

    open_lane --> thread --starts--> process, under its guard
    do(key, request) --> thread --message--> process --answer--> returned
    close_lane, or the end of this process: the process ends, with all that it has started

The thread lives as long as its process, which on Linux ends with the thread that has started it.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from fanout_pipeline.engine.clusters.requests import Answer, Request, gone
from fanout_pipeline.engine.system.usage import memory_bytes
from fanout_pipeline.engine.workers.limits import Limits, Memory, Termination
from fanout_pipeline.engine.workers.overdue import LATE_SECONDS, end_if_beyond
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import CUT, LEAVE_CALLS, is_logged

_LOOK_SECONDS = 0.1
"""How often a lane looks whether it is to stop, while its process works."""
_NO_CHUNK = -2
"""No worker has begun a chunk of this number."""
_FINE = pickle.dumps(None)
"""What a probe answers where all is as it should be."""


class _Lane:
    """What other threads know of a lane."""

    def __init__(self, folder: str, share: int):
        self.requests: SimpleQueue[tuple[Request, Future[Answer]] | None] = SimpleQueue()
        self.is_closed = False
        self.leaves_calls = False
        """Whether the calls in progress are to be left."""
        self.folder = folder
        """Where its process works, if there is such a folder here."""
        self.share = share
        """How many lanes there are beside it on this worker, itself included."""

    def close(self) -> None:
        self.is_closed = True
        self.requests.put(None)


_open: dict[str, _Lane] = {}


def open_lane(key: str, folder: str, share: int) -> None:
    """Begin to start a process."""
    lane = _open[key] = _Lane(folder, share)
    threading.Thread(target=_serve, args=(lane,), name=f"fanout_lane_{key}", daemon=True).start()


def close_lane(key: str) -> None:
    """Have the process end, in the middle of a call if need be."""
    if (lane := _open.pop(key, None)) is not None:
        lane.close()


def leave_calls(key: str) -> None:
    """Have the process leave the call that it is in, as a run does that has failed: what `setup` has made is closed."""
    if (lane := _open.get(key)) is not None:
        lane.leaves_calls = True


def do(key: str, request: bytes, is_wanted: Callable[[], bool] = lambda: True) -> bytes:
    """What has come of a request, which is an `Answer`. Both are pickled, so that no engine looks into them.

    `is_wanted` says now and then whether anybody may still want it: if not, the lane is closed.
    """
    answer: Future[Answer] = Future()
    lane = _open.get(key)
    if lane is None or lane.is_closed:
        return pickle.dumps(gone("was closed"))
    lane.requests.put((pickle.loads(request), answer))
    while True:
        with suppress(TimeoutError):
            return pickle.dumps(answer.result(1.0))
        if not is_wanted():
            close_lane(key)
        if lane.is_closed and not answer.done():
            return pickle.dumps(gone("was closed"))


def _serve(lane: _Lane) -> None:
    """Start the process, have it answer requests one after the other, and end it."""
    try:
        folder = lane.folder if os.path.isdir(lane.folder) else None
        worker = WorkerProcess.start(folder=folder)
    except Exception as error:
        while (asked := lane.requests.get()) is not None:
            asked[1].set_result(gone(f"could not be started ({error})"))
        return
    is_calling = False
    try:
        while not lane.is_closed:
            try:
                asked = lane.requests.get(timeout=5.0)
            except Empty:
                continue
            if asked is None:
                break
            request, answer = asked
            is_calling = True
            answer.set_result(_answer(worker, lane, request))
            is_calling = False
    finally:
        if not is_calling and not worker.has_ended():
            worker.finish()
            worker.wait()
        worker.kill()
        worker.wait()
        worker.close()


def _answer(worker: WorkerProcess, lane: _Lane, request: Request) -> Answer:
    logged: list[bytes] = []
    before, began = worker.sent_bytes, time.monotonic()
    termination = None
    try:
        if request.introduction is not None:
            probe, work = request.introduction
            lane.leaves_calls = False
            worker.send_pickled(probe)
            found, _ = _received(worker, lane, Request(b""), [])
            if found != _FINE:
                return Answer(found, worker.pid)
            worker.send_pickled(work)
        worker.call_log.forget()
        worker.fresh = False
        began = time.monotonic()
        worker.send_pickled(request.message)
        message, termination = _received(worker, lane, request, logged)
        death = None
    except EOFError as ended:
        message, how = None, worker.ended()
        termination = ended.args[0] if ended.args else termination
        death = worker.death(
            _NO_CHUNK if request.chunk is None else request.chunk, how, termination, began
        )
    memory = Memory(request.memory_mb, memory_bytes() // lane.share)
    return Answer(
        message,
        worker.pid,
        tuple(logged),
        worker.call_log.kept(death is not None),
        death,
        next(iter(worker.usage()), None),
        death is None and worker.should_be_replaced(memory),
        worker.sent_bytes - before,
    )


def _received(
    worker: WorkerProcess, lane: _Lane, request: Request, logged: list[bytes]
) -> tuple[bytes, Termination | None]:
    """The answer of the process, which is ended if it goes beyond limits. Raises EOFError when it has ended."""
    watch = _Watch(worker, lane, request)
    try:
        while True:
            watch.look()
            message = worker.receive_pickled()
            if message is None:
                worker.wait_readable(watch.period)
            elif is_logged(message):
                logged.append(message)
            elif not (_is_ready(message) or watch.is_late):
                return message, watch.termination
    except EOFError:
        raise EOFError(watch.termination) from None


class _Watch:
    """Looks, now and then, whether a process is to be ended, or to leave or cut its calls."""

    def __init__(self, worker: WorkerProcess, lane: _Lane, request: Request):
        self._worker, self._lane, self._request = worker, lane, request
        self._limits = Limits(request.item_timeout_seconds, request.memory_mb, lane.share)
        self.period = min(_LOOK_SECONDS, self._limits.period or _LOOK_SECONDS)
        """How often to look."""
        self.termination: Termination | None = None
        """Why it was ended."""
        self._began = time.monotonic()
        self._is_cut = self._has_left = False

    @property
    def is_late(self) -> bool:
        """Whether a call took too long: asked for its stack, the process may have left it, and answer."""
        return self.termination is not None and self.termination.late is not None

    def look(self) -> None:
        if self._lane.is_closed:
            self._worker.kill()
        if self._lane.leaves_calls and not self._has_left:
            self._has_left = True
            self._worker.send_pickled(LEAVE_CALLS)
        chunk, now = self._request.chunk, time.monotonic()
        if chunk is None or self.termination is not None:
            return
        if self._limits.is_due(now):
            self.termination = end_if_beyond(self._worker, chunk, self._limits, now)
        if not self._is_cut and now - self._began > max(LATE_SECONDS, self._request.seconds):
            self._is_cut = True
            self._worker.send_pickled(CUT)


def _is_ready(message: bytes) -> bool:
    """Whether it is the first message of a process, which says that it has started."""
    return b"\x8c\x05ready" in message[:24]


class Lease:
    """Keeps a lane open as long as an engine keeps it: as the result of a task, for example, that somebody wants."""

    def __init__(self, key: str, folder: str, share: int):
        self._key = key
        open_lane(key, folder, share)

    def __del__(self) -> None:
        close_lane(self._key)

    def __reduce__(self) -> Any:
        return _Moved, ()  # A copy elsewhere keeps nothing open.


class _Moved:
    """What is left of a lease where an engine has moved it."""
