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
    from fanout_pipeline.sources.source import Chunk

READY = "ready"
DONE = "done"
CALL = "call"


class Order(NamedTuple):
    """One chunk to be done."""

    chunk: Chunk
    seconds: float
    """No item is begun after so many."""
    announce: Announce
    hand_back: bool
    """Its results are not to be written here if that takes an import."""
    failure: Failure | None
    """The chunk is one item, which is not to be called, because it has failed so."""


_HEADER_BYTES = 8
_BLOCK_BYTES = 2**20
"""Room is made for so much at a time; a socket holds less."""


class Channel:
    """One end. Raises EOFError or OSError when the other end is gone."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._header = True
        """Whether it is a message's length that comes next,"""
        self._left = _HEADER_BYTES
        """of which so much is not there yet,"""
        self._blocks: list[bytes] = []
        """and this is."""

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
        """The next message if all of it is there. None: not yet; what is there is kept."""
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
        """Read once, waiting for what there is to read; a message if it is whole with that."""
        block = os.read(self._descriptor, min(self._left, _BLOCK_BYTES))
        if not block:
            raise EOFError
        self._blocks.append(block)
        self._left -= len(block)
        if self._left:
            return None
        whole = b"".join(self._blocks)
        self._blocks.clear()
        if self._header and (length := int.from_bytes(whole)):
            self._header, self._left = False, length
            return None
        # A message of no bytes is its header.
        message = b"" if self._header else whole
        self._header, self._left = True, _HEADER_BYTES
        return message
