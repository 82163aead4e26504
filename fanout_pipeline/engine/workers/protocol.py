"""Messages between a process and its worker: bytes over one end of a pair of sockets.

Like `multiprocessing.connection`, whose import takes as long as all else that a worker does before it
answers (35 and 39 ms, the median of 15 starts each on a slow day).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.call_log import Announce
    from fanout_pipeline.engine.model.errors import Failure
    from fanout_pipeline.sources.source import Chunk, Source

READY = "ready"
HELLO = "hello"
DONE = "done"
LOGGED = "logged"
_BEGINS_LOGGED, _BEGINNING = b"\x8c\x06logged", 24
CALL = "call"
WARM_UP = "warm up"
CLOSE = "close"
LEAVE_CALLS = b""
"""In place of a pickled message: a worker that has a value to close leaves the calls that it is in."""


class Order(NamedTuple):
    """One chunk to be done."""

    chunk: Chunk
    seconds: float
    """Time in the function after which no further item is begun."""
    announce: Announce
    """What the worker announces of its calls."""
    failure: Failure | None
    """The failure of the chunk's only item, which is not to be called any more; None for ordinary chunks."""
    source: Source | None = None
    """Where the chunk is read from; None for the run's source, which the worker knows."""


_HEADER_BYTES = 8
_BLOCK_BYTES = 2**20
"""Size of the buffer for one read; a socket holds less."""


def is_logged(message: bytes) -> bool:
    """Whether a pickled message is a record of `logging`. It need not be unpickled for that."""
    return _BEGINS_LOGGED in message[:_BEGINNING]


class Channel:
    """One end. Raises EOFError or OSError when the other end is gone."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._header = True
        """Whether a message's length comes next, not the message."""
        self._missing = _HEADER_BYTES
        """Bytes of the header or message that have not been read yet."""
        self._blocks: list[bytes] = []
        """What has been read of the header or message."""

    def fileno(self) -> int:
        return self._descriptor

    def send(self, message: bytes) -> None:
        left = memoryview(len(message).to_bytes(_HEADER_BYTES) + message)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def receive(self) -> bytes:
        """The next message, however long it takes to come."""
        while (message := self._read()) is None:
            pass
        return message

    def receive_ready(self) -> bytes | None:
        """The next message if all of it is there, else None; a part of one is kept."""
        message = None
        while message is None and self.readable():
            message = self._read()
        return message

    def readable(self) -> bool:
        """Whether there is something to read, or the other end is gone."""
        # Not at the top: a worker does without.
        from select import POLLIN, poll

        ready = poll()
        ready.register(self._descriptor, POLLIN)
        return bool(ready.poll(0))

    def close(self) -> None:
        os.close(self._descriptor)

    def _read(self) -> bytes | None:
        """Wait for something to read, and read once; the message if that makes it complete."""
        block = os.read(self._descriptor, min(self._missing, _BLOCK_BYTES))
        if not block:
            raise EOFError
        self._blocks.append(block)
        self._missing -= len(block)
        if self._missing:
            return None
        whole = b"".join(self._blocks)
        self._blocks.clear()
        if self._header and (length := int.from_bytes(whole)):
            self._header, self._missing = False, length
            return None
        # A message of no bytes is its header.
        message = b"" if self._header else whole
        self._header, self._missing = True, _HEADER_BYTES
        return message


CUT = b"cut"
"""Has a slice of calls that takes too long end after the call in progress; like `LEAVE_CALLS` it is no pickle."""
