"""The process that started a worker, seen from it: what it sends, and its end."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from fanout_pipeline.engine.workers.protocol import CUT, LEAVE_CALLS, Channel


class Parent:
    """The process that started this one. A thread waits for its messages, and for its end."""

    def __init__(self, channel: Channel):
        self._channel = channel
        self._inbox: SimpleQueue[bytes] = SimpleQueue()
        self._unsent: deque[bytes] = deque()
        self._sending = threading.RLock()
        self._sender: int | None = None
        """The thread that is sending."""
        self.leave_calls: Callable[[], object] = lambda: None
        self.cut: Callable[[], object] = lambda: None
        """What is done, in another thread than calls are made in, where these are to be left."""
        threading.Thread(target=self._fill_inbox, daemon=True).start()

    def send(self, message: Any) -> None:
        """Send from any thread, and from a signal's handler in the middle of another message."""
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
        """Send in the middle of a call, which a handler of signals may leave at any point.

        So a thread sends, which no handler interrupts: it takes a tenth of a millisecond, some tens of times a
        second.
        """
        if self._sender == threading.get_ident():  # A handler logs while a message is sent.
            self._unsent.append(pickle.dumps(message))
            return
        thread = threading.Thread(target=self.send, args=(message,), daemon=True)
        thread.start()
        thread.join()

    def receive(self) -> tuple[float, Any]:
        """When a message was received, and the message: the next that can be unpickled.

        If one cannot, the parent is sent the error, and ends us.
        """
        while True:
            message = self._inbox.get()
            received = time.perf_counter()
            try:
                return received, pickle.loads(message)
            except BaseException as error:  # A module may call sys.exit() when it is imported.
                from fanout_pipeline.engine.model.errors import unpickling_failed

                self.send(unpickling_failed(error))

    def _fill_inbox(self) -> None:
        try:
            while True:
                message = self._channel.receive()
                if message == LEAVE_CALLS:
                    self.leave_calls()
                elif message == CUT:
                    self.cut()
                else:
                    self._inbox.put(message)
        except (EOFError, OSError):
            os._exit(1)
