"""The worker's side of `worker_processes`: the main program of one worker process.

    receives ("work", Work, levels of loggers), then any number of ("chunk", Order), each of which it answers with
    (DONE, Outcome, began, seconds of imports, ended); "settle" is answered with READY, ("call", function)
    as the function says, see `repeat` and `apart`; whatever is logged is sent at once (see `log_records`)

A worker imports neither dagster nor pandas unless the user's function does, and not the parent's
`__main__`. It ends as soon as its channel does, also in the middle of a chunk: a worker never
outlives the process that started it, however that one died. On Linux this holds in C code that keeps
the GIL, too, for its guard ends it (see `guard`); elsewhere it ends after such a call.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from fanout_pipeline.engine.calls.call_log import Recorder
from fanout_pipeline.engine.workers.protocol import DONE, READY, Channel, Order


def main(descriptor: int, box: int, cpu_seconds: float) -> None:
    """Serve the channel on a file descriptor until the parent sends None.

    What is done is told in the box on the other descriptor (see `black_box`). `cpu_seconds` is what
    the interpreter has taken before it was this process (see `guard`).
    """
    # Ctrl-C reaches the whole foreground group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Programs that the function starts must not hold the channel open.
    os.set_inheritable(descriptor, False)
    parent = Parent(Channel(descriptor))
    parent.send((READY, (os.getpid(), cpu_seconds)))
    # Not before: whoever waits for the answer can go on, and cut the source, meanwhile.
    began = time.perf_counter()
    recorder = Recorder(box)
    # Who is killed has no time to write what it has printed; and lines of several workers stay whole.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    from fanout_pipeline.engine.calls.handing_back import import_road
    from fanout_pipeline.engine.calls.items import keep_memory
    from fanout_pipeline.engine.workers.log_records import LogRecords

    logs = LogRecords(parent.send_during_call, recorder)
    keep_memory()
    imported = time.perf_counter() - began
    work = None
    while True:
        taken, message = parent.take()
        match message:
            case None:
                break
            case "settle":
                with suppress(Exception):  # It is no run's work.
                    from fanout_pipeline.engine.workers.rehearsal import rehearse

                    rehearse()
                parent.send((READY, None))
            case ("work", work, levels):
                logs.follow(levels)
                work.surroundings.take_on()
                # Reading it has imported the user's module: that is told with the first chunk.
                imported += time.perf_counter() - taken
            case ("call", function):
                logs.follow({})  # Nobody writes down what it logs.
                function(parent.send)
            case ("chunk", order):
                began = taken - imported
                # Who has imported Arrow anyway has little to add.
                if not order.hand_back or "pyarrow" in sys.modules:
                    imported += import_road()
                answer = _answer(work, order, recorder)
                if isinstance(answer, BaseException):
                    parent.send(answer)
                else:
                    imported += answer.import_seconds
                    parent.send((DONE, answer, began, imported, time.perf_counter()))
                imported = 0.0
    if "fanout_pipeline.engine.calls.event_loop" in sys.modules:
        from fanout_pipeline.engine.calls.event_loop import close

        close()
    # As multiprocessing's children end: what was printed is kept, the interpreter is not taken
    # apart object by object (0.1 s with Arrow in it).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Parent:
    """The process that started this one. A thread waits for its messages, and for its end."""

    def __init__(self, channel: Channel):
        self._channel = channel
        self._inbox: SimpleQueue[bytes] = SimpleQueue()
        self._unsent: deque[bytes] = deque()
        self._sending = threading.RLock()
        self._sender: int | None = None
        """The thread that is sending."""
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, message: Any) -> None:
        """From any thread, and from a signal's handler in the middle of another message."""
        pickled = pickle.dumps(message)
        with self._sending:
            self._unsent.append(pickled)
            if len(self._unsent) > 1:
                return
            self._sender = threading.get_ident()
            try:
                while self._unsent:
                    self._channel.send(self._unsent[0])
                    self._unsent.popleft()
            except BaseException:
                # The parent is gone, or a handler of signals has left half a message there.
                os._exit(1)
            self._sender = None

    def send_during_call(self, message: Any) -> None:
        """The same in the middle of a call, which a handler of signals may leave at any point.

        So a thread sends, which no handler interrupts; a tenth of a millisecond, some tens of times a
        second.
        """
        if self._sender == threading.get_ident():  # a handler that logs while a message is sent
            self._unsent.append(pickle.dumps(message))
            return
        thread = threading.Thread(target=self.send, args=(message,), daemon=True)
        thread.start()
        thread.join()

    def take(self) -> tuple[float, Any]:
        """When a message was taken, and the message: the next that can be read.

        Of one that cannot, the parent is told, and ends us.
        """
        while True:
            message = self._inbox.get()
            taken = time.perf_counter()
            try:
                return taken, pickle.loads(message)
            except BaseException as error:  # A module may call sys.exit() when it is imported.
                from fanout_pipeline.engine.model.errors import unpickling_failed

                self.send(unpickling_failed(error))

    def _receive(self) -> None:
        try:
            while True:
                self._inbox.put(self._channel.receive())
        except (EOFError, OSError):
            os._exit(1)


def _answer(work: Any, order: Order, recorder: Recorder) -> Any:
    from fanout_pipeline.engine.calls.items import process_chunk, process_unwritten
    from fanout_pipeline.engine.calls.outcome import Control

    recorder.begin(order.chunk.number, order.announce)
    try:
        hand_back = order.hand_back and "pyarrow" not in sys.modules
        process = process_unwritten if hand_back else process_chunk
        control = Control(order.seconds, recorder=recorder, failure=order.failure)
        return process(work, order.chunk, control)
    except BaseException as error:
        from fanout_pipeline.engine.model.errors import picklable

        return picklable(error)
