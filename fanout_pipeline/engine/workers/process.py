"""One worker process, seen from its parent: started, sent messages, ended, and why it died."""

from __future__ import annotations

import os
import pickle
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Self

from fanout_pipeline.engine.calls.call_log import CallLog
from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.blas_threads import worker_environment
from fanout_pipeline.engine.system.process import FOREIGN_SIGNALS
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.workers.guarded_process import GuardedProcess
from fanout_pipeline.engine.workers.limits import Memory, Termination
from fanout_pipeline.engine.workers.protocol import Channel, Order
from fanout_pipeline.results.files.windows import refuse_on_windows

_NOTHING: Mapping[str, str] = MappingProxyType({})


class WorkerProcess(GuardedProcess):
    """Created by `start`. Must be waited for and closed in the end."""

    channel: Channel

    @classmethod
    def start(cls, environment: Mapping[str, str] = _NOTHING, folder: str | None = None) -> Self:
        """Start a process, which sends READY later; `environment` is added to this process's.

        It works in `folder`; None: in the working directory of this process.
        Raises NotOnWindows.
        """
        refuse_on_windows("Worker processes")
        ours, theirs = socket.socketpair()
        call_log = CallLog()
        try:
            program = (
                "from fanout_pipeline.engine.workers.main import main\n"
                f"main({theirs.fileno()}, {call_log.descriptor}, used)"
            )
            environment = {**worker_environment(), **environment}
            worker = cls(program, theirs.fileno(), call_log, environment, folder)
        finally:
            theirs.close()
            call_log.shared()
        worker.channel = Channel(ours.detach())
        return worker

    def __init__(
        self,
        program: str,
        channel: int,
        call_log: CallLog,
        environment: Mapping[str, str],
        folder: str | None = None,
    ):
        super().__init__(program, channel, call_log, environment, folder)
        self.fresh = True
        """Whether it was never given a chunk."""
        self.closed = False
        """Whether it is of no use any more: another has to be started in its place."""
        self.sent_bytes = 0
        """Size of all messages to and from it."""
        self._answered = False
        self._unsent: list[bytes] = []
        """Messages that wait for its first answer: before it, nobody may be there to read them."""
        self._first_bytes = 0
        """The worker's memory after its first chunk."""

    def fileno(self) -> int:
        return self.channel.fileno()

    def introduce(self, message: bytes) -> None:
        self.send_pickled(message)

    def assign(self, order: Order, message: bytes) -> None:
        self.send_pickled(message)

    def send(self, message: Any) -> None:
        self.send_pickled(pickle.dumps(message))

    def send_pickled(self, message: bytes) -> None:
        """Send. Whether the worker has ended is found out where its messages are read, not here."""
        if not self._answered:
            self._unsent.append(message)
            return
        self.sent_bytes += len(message)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send(message)

    def receive(self) -> Any:
        """Wait for the next message. Raises EOFError where none will come."""
        while (message := self.receive_ready()) is None:
            self.wait_readable(WAIT_SECONDS)
        return message

    def receive_ready(self) -> Any | None:
        """The next message if all of it is there, else None. Raises EOFError where none will come."""
        message = self.receive_pickled()
        return None if message is None else pickle.loads(message)

    def receive_pickled(self) -> bytes | None:
        """The next message if all of it is there, else None. Raises EOFError where none will come.

        A worker may take long to send one, or die in the middle of it.
        """
        try:
            message = self.channel.receive_ready()
        except ConnectionResetError as error:
            raise EOFError from error
        if message is None:
            return None
        self.sent_bytes += len(message)
        if not self._answered:
            self._answered = True
            self.identified(*pickle.loads(message)[1])
            for unsent in self._unsent:
                self.send_pickled(unsent)
            self._unsent.clear()
        return message

    def readable(self) -> bool:
        return self.channel.readable()

    def wait_readable(self, seconds: float) -> None:
        """Wait until something can be read, at most so long. Raises EOFError where nothing ever will be."""
        # Its channel may stay open when it has ended: in processes that its function forked.
        if self.has_ended() and not self.readable():
            raise EOFError
        poll = select.poll()
        for descriptor in (self.fileno(), self.end):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        poll.poll(1000 * seconds)

    def should_be_replaced(self, memory: Memory) -> bool:
        """Whether it has grown so much that another should take its place, now that a chunk is done."""
        now = self.resident_bytes()
        self._first_bytes = self._first_bytes or now
        return memory.has_grown(self._first_bytes, now)

    def death(self, chunk: int, how: str, termination: Termination | None, since: float) -> Death:
        """What is known of its death in this chunk, on which it worked `since` then (time.monotonic)."""
        in_setup = self.call_log.is_setting_up
        begun = self.call_log.has_begun(chunk) and not in_setup
        # To be asked for its stack may end a call in C: whatever came after it does not count.
        late = termination.late if termination is not None else None
        call = late or self.call_log.call()
        return Death(
            termination.how if termination else how,
            seconds=time.monotonic() - since,
            call=call,
            begun=begun,
            late=late is not None,
            foreign=termination is None and -(self.code or 0) in FOREIGN_SIGNALS,
            after_calls=begun and self.call_log.has_called and call is None,
            stack=self.call_log.stack(),
            in_setup=in_setup,
        )

    def finish(self) -> None:
        """Let it end by itself, which takes milliseconds; one that has not answered yet is killed."""
        if self._answered:
            self.send(None)
        else:
            self.kill()

    def retire(self) -> None:
        """Let it end, wait for that, and close it."""
        self.finish()
        self.ended()
        self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self.end is not None:
                os.close(self.end)
            self.channel.close()
            self.call_log.close()
