"""Messages between a process and its worker: bytes over one end of a pair of sockets.

Like `multiprocessing.connection`, whose import takes as long as all else that a worker does before it
answers (35 and 39 ms, the median of 15 starts each on a slow day).
"""

from __future__ import annotations

import os

_HEADER_BYTES = 8
_BLOCK_BYTES = 2**20
"""Room is made for so much at a time; a socket holds less."""


class Channel:
    """One end. Raises EOFError or OSError when the other end is gone."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def send(self, message: bytes) -> None:
        left = memoryview(len(message).to_bytes(_HEADER_BYTES) + message)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def receive(self) -> bytes:
        return self._read(int.from_bytes(self._read(_HEADER_BYTES)))

    def close(self) -> None:
        os.close(self._descriptor)

    def _read(self, size: int) -> bytes:
        blocks = []
        while size:
            block = os.read(self._descriptor, min(size, _BLOCK_BYTES))
            if not block:
                raise EOFError
            blocks.append(block)
            size -= len(block)
        return b"".join(blocks)
