"""One worker process, seen from its parent: started, spoken to, ended, and how it ended."""

from __future__ import annotations

import os
import pickle
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fanout_pipeline.engine.calls.call_log import CallLog
from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.blas_threads import worker_environment
from fanout_pipeline.engine.system.process import FOREIGN_SIGNALS, how_ended
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.engine.system.usage import ProcessUsage, resident_bytes
from fanout_pipeline.engine.workers.guarded_process import GuardedProcess
from fanout_pipeline.engine.workers.limits import Memory, Termination
from fanout_pipeline.engine.workers.protocol import Channel

_END_SECONDS = 5.0
_STACK_SECONDS = 0.2
_LOOK_SECONDS = 0.002
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Traffic:
    """What went to workers and came from them."""

    sent_bytes: int = 0
    pickle_seconds: float = 0.0
    """CPU time, on this side."""


class WorkerProcess:
    """Started by `start`. In the end it must be waited for and closed."""

    def __init__(self, process: GuardedProcess, channel: Channel, box: CallLog):
        self._process = process
        self.channel = channel
        self.box = box
        """Readable until `close`."""
        self.traffic = Traffic()
        self.fresh = True
        """It was never given anything to do."""
        self._answered = False
        self._unsent: list[bytes] = []
        """What waits for its first answer: before it, nobody may be there to read it."""
        self._writes = False
        self._first_bytes = 0
        """Its memory after its first chunk, and after the first that it has written."""
        self._resident_bytes = 0
        """Its memory after its last."""
        self.end = process.end
        self._open = True

    @classmethod
    def start(cls, environment: Mapping[str, str] = _NOTHING) -> WorkerProcess:
        """Start one, which sends READY by and by; `environment` is added to this process's."""
        ours, theirs = socket.socketpair()
        box = CallLog()
        try:
            program = (
                "from fanout_pipeline.engine.workers.main import main\n"
                f"main({theirs.fileno()}, {box.descriptor}, used)"
            )
            process = GuardedProcess(
                program, theirs.fileno(), box, {**worker_environment(), **environment}
            )
        finally:
            theirs.close()
            box.shared()
        return cls(process, Channel(ours.detach()), box)

    @property
    def pid(self) -> int:
        """Its own once it has answered."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether it was closed: another is to be started in its place when one is needed."""
        return not self._open

    def fileno(self) -> int:
        return self.channel.fileno()

    def send(self, message: Any) -> None:
        began = time.thread_time()
        pickled = pickle.dumps(message)
        self.traffic.pickle_seconds += time.thread_time() - began
        self.send_pickled(pickled)

    def send_pickled(self, message: bytes) -> None:
        """That it has ended is seen where its messages are read, not here."""
        if not self._answered:
            self._unsent.append(message)
            return
        self.traffic.sent_bytes += len(message)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send(message)

    def receive(self) -> Any:
        """Its next message, waited for. Raises EOFError where there will be none."""
        while (message := self.receive_ready()) is None:
            # Its channel may stay open when it has ended: in processes that its function forked.
            ended = self.has_ended()
            if ended and not self.channel.readable():
                raise EOFError
            poll = select.poll()
            for descriptor in (self.fileno(), self.end):
                if descriptor is not None:
                    poll.register(descriptor, select.POLLIN)
            poll.poll(1000 * WAIT_SECONDS)
        return message

    def receive_ready(self) -> Any | None:
        """Its next message if all of it is there. Raises EOFError where there will be none.

        None: not yet. It may take long to send one, or die in the middle of it.
        """
        try:
            message = self.channel.receive_ready()
        except ConnectionResetError as error:
            raise EOFError from error
        if message is None:
            return None
        began = time.thread_time()
        received = pickle.loads(message)
        self.traffic.sent_bytes += len(message)
        self.traffic.pickle_seconds += time.thread_time() - began
        if not self._answered:
            self._answered = True
            self._process.worker_is(*received[1])
            for unsent in self._unsent:
                self.send_pickled(unsent)
            self._unsent.clear()
        return received

    def has_grown(self, memory: Memory, wrote: bool) -> bool:
        """Whether it should be replaced, now that it has done a chunk: see `Memory`.

        What it imports to write its first part is no growth.
        """
        if wrote and not self._writes:
            self._writes, self._first_bytes = True, 0
        self._resident_bytes = resident_bytes(self.pid)
        self._first_bytes = self._first_bytes or self._resident_bytes
        return memory.has_grown(self._first_bytes, self._resident_bytes)

    def usage(self) -> list[ProcessUsage]:
        """What it uses, or has used; nothing where that is not known."""
        return self._process.usage()

    def kill(self) -> None:
        """Its channel ends, after what it has sent."""
        self._process.kill()

    def ask_for_stack(self) -> None:
        """Wait until its box has its stack, or for a moment."""
        self._process.ask_for_stack()
        deadline = time.monotonic() + _STACK_SECONDS
        while not self.box.stack() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        time.sleep(_LOOK_SECONDS)  # It is written in pieces.

    def has_ended(self) -> bool:
        """Whether the process is there no more, as one that was killed while it had nothing to do."""
        return self._waited(0)

    def ended(self) -> str:
        """Wait for a process whose channel has ended; tells how it ended."""
        if self._waited(_END_SECONDS):
            how = how_ended(self._process.code or 0)
        else:
            how = "closed its connection to this process"
            self.kill()
            self._waited(_END_SECONDS)
        return how

    def death(self, chunk: int, how: str, termination: Termination | None, given: float) -> Death:
        """What can be told of its end, once it has `ended`; it was given this chunk at `given`."""
        begun = self.box.has_begun(chunk)
        # To be asked for its stack may end a call in C: whatever came after it does not count.
        late = termination.late if termination is not None else None
        call = late or self.box.call()
        return Death(
            termination.how if termination else how,
            seconds=time.monotonic() - given,
            call=call,
            begun=begun,
            late=late is not None,
            foreign=termination is None and -(self._process.code or 0) in FOREIGN_SIGNALS,
            after_calls=begun and self.box.has_called and call is None,
            stack=self.box.stack(),
        )

    def finish(self) -> None:
        """Let it end by itself, which takes milliseconds; one that has not begun is killed."""
        if self._answered:
            self.send(None)
        else:
            self.kill()

    def retire(self) -> None:
        """Let it end, and close it."""
        self.finish()
        self.ended()
        self.close()

    def wait(self) -> None:
        """Wait for one that is to finish, or was killed."""
        self._waited(_END_SECONDS)

    def close(self) -> None:
        if self._open:
            self._open = False
            if self.end is not None:
                os.close(self.end)
            self.channel.close()
            self.box.close()

    def _waited(self, seconds: float) -> bool:
        return self._process.wait(seconds, self._resident_bytes)
