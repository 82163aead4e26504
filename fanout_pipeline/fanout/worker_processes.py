"""The parent's side of our own worker processes: start, give chunks, gather, stop.

    parent                                        worker (see `worker`)
    Popen(a fresh interpreter) ----------------->  imports `worker` only
               <---------------------- ("ready", pid)
    Work, once ---------------------------------->
    Chunk ---------------------------------------> load, count
               <---------------------- ("counted", number, items)
    first index, when all before are counted ----> parse, call, write
               <---------------------- PartRecord with its times, or an exception
    None ----------------------------------------> ends

A fresh interpreter is what multiprocessing calls "spawn", without its import of the parent's
`__main__`, which under Dagster is the dagster command and costs a second. It is safe in a process
with threads, which fork is not. A worker has one chunk at a time: chunks are then begun in order,
so that no first index is waited for longer than an earlier chunk takes to be read.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from fanout_pipeline.fanout.contract import Ran, Work, WorkerDied
from fanout_pipeline.fanout.interrupts import interrupts_held
from fanout_pipeline.fanout.lanes import Lane, seconds_of
from fanout_pipeline.fanout.numbering import RunningCount
from fanout_pipeline.fanout.progress import Progress
from fanout_pipeline.fanout.usage import ProcessUsage, usage_of
from fanout_pipeline.fanout.worker import COUNTED, DONE
from fanout_pipeline.parts.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

_STOP_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    chunk: Chunk | None = None
    sent_bytes: int = 0
    """Both ways."""
    pickle_seconds: float = 0.0
    """CPU time, on this side."""

    def send(self, message: Any) -> None:
        began = time.thread_time()
        pickled = bytes(ForkingPickler.dumps(message))
        self.pickle_seconds += time.thread_time() - began
        self.send_pickled(pickled)

    def send_pickled(self, message: bytes) -> None:
        self.sent_bytes += len(message)
        try:
            self.connection.send_bytes(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self.died() from None

    def receive(self) -> Any:
        try:
            message = self.connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            raise self.died() from None
        began = time.thread_time()
        received = pickle.loads(message)
        self.sent_bytes += len(message)
        self.pickle_seconds += time.thread_time() - began
        return received

    def died(self) -> WorkerDied:
        code = self.process.wait(_STOP_SECONDS)
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            how += " (out of memory?)" if code == -signal.SIGKILL else ""
        doing = f"while it had chunk {self.chunk.number}" if self.chunk else "without any work"
        return WorkerDied(
            f"Worker process {self.process.pid} {how} {doing}. Nothing was made visible; "
            "earlier results are as they were. Run again; with fewer workers if memory was short."
        )


class WorkerProcesses:
    """A crew of worker processes that have all answered. See `contract.Crew`."""

    def __init__(self, workers: list[_Worker]):
        self._workers = workers

    def usage(self) -> list[ProcessUsage]:
        return usage_of(worker.process.pid for worker in self._workers)

    def run(self, work: Work, progress: Progress) -> Ran:
        began, cpu_began = time.perf_counter(), time.thread_time()
        message = _pickled(work)
        pickle_seconds = time.thread_time() - cpu_began
        for worker in self._workers:
            worker.sent_bytes, worker.pickle_seconds = 0, 0.0
            worker.send_pickled(message)
        progress.begin(len(work.chunks))
        chunks = iter(work.chunks)
        lanes = {worker: Lane(began) for worker in self._workers}
        by_connection = {worker.connection: worker for worker in self._workers}
        counting: dict[int, _Worker] = {}
        running = RunningCount()
        parts: dict[int, PartRecord] = {}
        for worker in self._workers:
            self._give_next(worker, chunks, counting)
        while len(parts) < len(work.chunks):
            for connection in wait(list(by_connection)):
                worker = by_connection[connection]  # type: ignore[index]
                match worker.receive():
                    case (kind, number, items) if kind == COUNTED:
                        for known, first_index in running.add(number, items):
                            counting.pop(known).send(first_index)
                    case (kind, part, taken, imported, ended) if kind == DONE:
                        parts[part.number] = part
                        lanes[worker].until(taken, "send")
                        lanes[worker].told(seconds_of(part) | {"import": imported}, ended)
                        lanes[worker].until(time.perf_counter(), "send")
                        progress.chunk_done(part.items)
                        self._give_next(worker, chunks, counting)
                    case BaseException() as error:
                        raise error
        ended = time.perf_counter()
        for lane in lanes.values():
            lane.until(ended, "wait")
        pickle_seconds += sum(worker.pickle_seconds for worker in self._workers)
        return Ran(
            [parts[number] for number in sorted(parts)],
            tuple(lanes.values()),
            sum(worker.sent_bytes for worker in self._workers),
            # What is pickled here is unpickled there, and the other way round.
            2 * pickle_seconds,
        )

    def _give_next(
        self, worker: _Worker, chunks: Iterator[Chunk], counting: dict[int, _Worker]
    ) -> None:
        worker.chunk = next(chunks, None)
        if worker.chunk is not None:
            counting[worker.chunk.number] = worker
            worker.send(("chunk", worker.chunk))


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
            worker.send(None)
        for worker in workers:
            worker.process.wait(_STOP_SECONDS)
    finally:
        with interrupts_held():
            for worker in workers:
                worker.process.kill()
                worker.connection.close()
            for worker in workers:
                worker.process.wait()


def _start() -> _Worker:
    ours, theirs = Pipe()
    with theirs:
        program = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            "from fanout_pipeline.fanout.worker import main\n"
            f"main({theirs.fileno()})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return _Worker(process, ours)


def _pickled(work: Work) -> bytes:
    try:
        return bytes(ForkingPickler.dumps(("work", work)))
    except Exception as error:
        name = getattr(work.function, "__qualname__", repr(work.function))
        raise TypeError(
            f"The function {name} cannot be sent to worker processes ({error}). Define it at the "
            "top level of a module that can be imported."
        ) from error
