"""The worker's side of `worker_processes`: the main program of one worker process.

    recv Work once, then Chunks -> for each, send ("counted", chunk number, items), and
                                   ("done", PartRecord, began, seconds of imports, ended)

A worker imports neither dagster nor pandas unless the user's function does, and not the parent's
`__main__`. It ends as soon as its connection does, also in the middle of a chunk: a worker never
outlives the process that started it, however that one died.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

READY = "ready"
COUNTED = "counted"
DONE = "done"


def main(descriptor: int) -> None:
    """Serve the connection on this file descriptor until the parent sends None."""
    # Ctrl-C reaches the whole foreground group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    inbox: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    connection.send((READY, os.getpid()))
    work = None
    imported = 0.0
    while True:
        taken, message = _next(inbox, connection)
        if message is None:
            break
        kind, content = message
        if kind == "work":
            # Reading it has imported the user's module: that is told with the first chunk.
            work, imported = content, time.perf_counter() - taken
        else:
            connection.send(_answer(work, content, connection, inbox, taken, imported))
            imported = 0.0
    # As multiprocessing's children end: what was printed is kept, the interpreter is not taken
    # apart object by object (0.1 s with Arrow in it).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _receive(connection: Connection, inbox: SimpleQueue[bytes]) -> None:
    try:
        while True:
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _next(inbox: SimpleQueue[bytes], connection: Connection) -> tuple[float, Any]:
    """When a message was taken, and the message: the next that can be read.

    Of one that cannot, the parent is told, and ends us.
    """
    while True:
        message = inbox.get()
        taken = time.perf_counter()
        try:
            return taken, pickle.loads(message)
        except Exception as error:
            error.add_note("A worker could not import the function; it must be importable by name.")
            connection.send(error)


def _answer(
    work: Any,
    chunk: Any,
    connection: Connection,
    inbox: SimpleQueue[bytes],
    taken: float,
    imported: float,
) -> Any:
    # Imported with the first chunk, so that a worker answers "ready" at once.
    began, before = taken - imported, time.perf_counter()
    import fanout_pipeline.parts.writing  # noqa: F401 (chunk_work does when it writes: too late)
    from fanout_pipeline.fanout.chunk_work import run_chunk

    imported += time.perf_counter() - before
    try:
        part = run_chunk(work, chunk, _RemoteNumbering(connection, inbox))
        return DONE, part, began, imported, time.perf_counter()
    except Exception as error:
        error.__cause__ = None
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return RuntimeError("".join(traceback.format_exception(error)))
        return error


class _RemoteNumbering:
    """Sends the count to the parent, which answers with the first index when it is known."""

    def __init__(self, connection: Connection, inbox: SimpleQueue[bytes]):
        self._connection = connection
        self._inbox = inbox
        self._first_index: int | None = None

    def counted(self, chunk: Any, items: int) -> None:
        self._connection.send((COUNTED, chunk.number, items))

    def first_index(self, chunk: Any) -> int:
        if self._first_index is None:
            self._first_index = pickle.loads(self._inbox.get())
        return self._first_index
