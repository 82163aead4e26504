"""The parent's side of our own worker processes: start, give chunks, gather, stop.

    parent                                        worker (see `worker`)
    Popen(a fresh interpreter) ----------------->  imports `worker` only
               <---------------------- ("ready", pid)
                                                   imports what reads, calls and writes
    Work, once ---------------------------------->
    Chunk, how long it may take ------------------> load, count
               <---------------------- ("counted", chunk, items)
    first index, when all before are counted ----> parse, call, write
               <---------------------- Piece with its times, or an exception
    None ----------------------------------------> ends

A fresh interpreter is what multiprocessing calls "spawn", without its import of the parent's
`__main__`, which under Dagster is the dagster command and costs a second. It is safe in a process
with threads, which fork is not. A worker has one chunk at a time: chunks are then begun in order,
so that no first index is waited for longer than an earlier chunk takes to be read.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from fanout_pipeline.fanout.channel import Channel
from fanout_pipeline.fanout.chunk_plan import ChunkPlan
from fanout_pipeline.fanout.contract import Ran, Work, WorkerDied
from fanout_pipeline.fanout.interrupts import interrupts_held
from fanout_pipeline.fanout.lanes import Lane, busy_seconds, seconds_of
from fanout_pipeline.fanout.numbering import CountedRanges
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.resuming import numbered
from fanout_pipeline.fanout.sending import sent
from fanout_pipeline.fanout.usage import ProcessUsage, usage_of
from fanout_pipeline.fanout.worker import COUNTED, DONE
from fanout_pipeline.sources.source import Chunk

_STOP_SECONDS = 5.0
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""Where the user's says nothing. Each worker has one core; NumPy's import starts a thread for each core
of the machine otherwise, which takes 0.11 s of CPU time on two."""


@dataclass(eq=False, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    channel: Channel
    chunk: Chunk | None = None
    sent_bytes: int = 0
    """Both ways."""
    pickle_seconds: float = 0.0
    """CPU time, on this side."""

    def send(self, message: Any) -> None:
        began = time.thread_time()
        pickled = pickle.dumps(message)
        self.pickle_seconds += time.thread_time() - began
        self.send_pickled(pickled)

    def send_pickled(self, message: bytes) -> None:
        self.sent_bytes += len(message)
        try:
            self.channel.send(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self.died() from None

    def receive(self) -> Any:
        try:
            message = self.channel.receive()
        except (EOFError, ConnectionResetError):
            raise self.died() from None
        began = time.thread_time()
        received = pickle.loads(message)
        self.sent_bytes += len(message)
        self.pickle_seconds += time.thread_time() - began
        return received

    def died(self) -> WorkerDied:
        try:
            how = _how_ended(self.process.wait(_STOP_SECONDS))
        except subprocess.TimeoutExpired:
            how = "closed its connection to this process"
        doing = f"while it had chunk {self.chunk.number}" if self.chunk else "without any work"
        return WorkerDied(
            f"Worker process {self.process.pid} {how} {doing}. Nothing was made visible; "
            "earlier results are as they were. Run again; with fewer workers if memory was short."
        )


def _how_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")


class WorkerProcesses:
    """A crew of worker processes that have all answered. See `contract.Crew`."""

    def __init__(self, workers: list[_Worker]):
        self._workers = workers

    def usage(self) -> list[ProcessUsage]:
        return usage_of(worker.process.pid for worker in self._workers)

    def run(self, work: Work, progress: Progress) -> Ran:
        return _Run(self._workers, work, progress).ran()


class _Run:
    """One run of the crew."""

    def __init__(self, workers: list[_Worker], work: Work, progress: Progress):
        began, cpu_began = time.perf_counter(), time.thread_time()
        self._workers = workers
        self._progress = progress
        self._plan = ChunkPlan(work.chunks, len(workers), work.fixed, given=work.first_number)
        self._ranges = CountedRanges(work.finished)
        self._awaited: dict[int, _Worker] = {}
        """Who waits for which chunk's first index, by where the chunk starts."""
        self._parts = numbered(work)
        self._lanes = {worker: Lane(began) for worker in workers}
        progress.begin(self._plan.size)
        # Not the batch function: what its module imports would be imported for nothing.
        message = sent(replace(work, chunks=(), finished=(), batch_function=None))
        self._pickle_seconds = time.thread_time() - cpu_began
        for worker in workers:
            worker.chunk, worker.sent_bytes, worker.pickle_seconds = None, 0, 0.0
            worker.send_pickled(message)

    def ran(self) -> Ran:
        """Give out chunks until none is left and none is being worked on."""
        self._give()
        with DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.channel, EVENT_READ, worker)
            while any(worker.chunk for worker in self._workers):
                for key, _ in selector.select():
                    self._take(key.data)
        ended = time.perf_counter()
        for lane in self._lanes.values():
            lane.until(ended, "wait")
        pickle_seconds = self._pickle_seconds + sum(w.pickle_seconds for w in self._workers)
        return Ran(
            self._parts.in_order(),
            tuple(self._lanes.values()),
            sum(worker.sent_bytes for worker in self._workers),
            # What is pickled here is unpickled there, and the other way round.
            2 * pickle_seconds,
        )

    def _give(self) -> None:
        """A chunk for each worker that has none, as far as there are chunks."""
        for worker in self._workers:
            if worker.chunk is None:
                chunk = worker.chunk = self._plan.take()
                if chunk is None:
                    return
                first_index = self._ranges.first_index(chunk)
                if first_index is None:
                    self._awaited[chunk.start] = worker
                worker.send(("chunk", chunk, first_index, self._plan.seconds(chunk)))

    def _take(self, worker: _Worker) -> None:
        match worker.receive():
            case (kind, chunk, items) if kind == COUNTED:
                for start, first_index in self._ranges.add(chunk, items):
                    if start in self._awaited:
                        self._awaited.pop(start).send(first_index)
            case (kind, piece, began, imported, ended) if kind == DONE:
                assert worker.chunk is not None
                chunk, worker.chunk = worker.chunk, None
                self._plan.done(chunk, busy_seconds(piece.part), piece.rest)
                start, stop = piece.range(chunk)
                self._parts.add(start, stop, piece.part)
                self._lanes[worker].worked(began, seconds_of(piece.part), imported, ended)
                self._give()
                self._lanes[worker].until(time.perf_counter(), "send")
                self._progress.done(piece.part.items, piece.size(chunk))
            case BaseException() as error:
                raise error


@contextmanager
def worker_processes(count: int) -> Iterator[WorkerProcesses]:
    """Start `count` workers, each of which has answered; stop them at the end.

    An orderly end lets them finish; an exception kills them.
    """
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            with interrupts_held():
                workers.append(_start())
        for worker in workers:
            worker.receive()
        yield WorkerProcesses(workers)
        for worker in workers:
            # One that has ended by itself, or does not end, does no harm any more.
            with suppress(WorkerDied):
                worker.send(None)
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(_STOP_SECONDS)
    finally:
        with interrupts_held():
            for worker in workers:
                worker.process.kill()
                worker.channel.close()
            for worker in workers:
                worker.process.wait()


def _start() -> _Worker:
    ours, theirs = socket.socketpair()
    with theirs:
        program = (
            f"import sys; sys.path[:] = {list(map(str, sys.path))!r}\n"
            "from fanout_pipeline.fanout.worker import main\n"
            f"main({theirs.fileno()})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=_ENVIRONMENT | os.environ,
        )
    return _Worker(process, Channel(ours.detach()))
