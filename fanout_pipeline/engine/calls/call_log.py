"""What a worker leaves behind when it dies: what it had begun, what it was calling, and where.

    shared memory:  chunk begun | item being called | calls | how it ended | …     (64-bit words)
    then:           the last that it logged, if that was too much to be sent
    then, as text:  Python's stack, when a fatal signal or the parent's question came

The worker writes (in the end its guard) and the parent reads, without a message: a worker that is killed,
or held in a C call, cannot send one. Nothing is written for each item unless that is asked for, as one write takes 0.1 µs.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from mmap import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fanout_pipeline.results.types.buffer import Results

_WORDS_BYTES = 64
_CHUNK, _ITEM, _CALLS, _STATUS, _LOGGED, _KEPT_BYTES = range(6)
STATUS_AT = 8 * _STATUS
"""Where the guard writes how the worker has ended, as `os.waitpid` has told it: a word of eight bytes."""
_NONE, _SOME, _ENDED = -1, -2, -3
_STACK_BEGINS = 2048
_BYTES = 8192
"""Room for some eighty calls; a limit of file sizes (ulimit -f) holds for shared memory, too."""

ASK_FOR_STACK = signal.SIGRTMAX - 1 if sys.platform == "linux" else signal.SIGUSR2
"""A worker that gets this signal writes its stack, in a C call too, and goes on."""


class Announce(Enum):
    """What of its calls a worker announces."""

    NOTHING = 0
    SLOW = 1
    """Each item, where items are slow; else that a slice of them has begun."""
    EACH = 2


class Call(NamedTuple):
    """What was announced last."""

    item: int | None
    """Position in its chunk; None: one of a slice."""
    number: int
    """Differs from call to call of one item, and from slice to slice."""


class CallLog:
    """The parent's side."""

    def __init__(self) -> None:
        self.descriptor = _anonymous_file()
        """For the worker to inherit; then `shared` must be called."""
        os.ftruncate(self.descriptor, _BYTES)
        # The worker inherits the place with the descriptor; faulthandler writes where it is.
        os.lseek(self.descriptor, _STACK_BEGINS, os.SEEK_SET)
        self._memory = mmap(self.descriptor, _BYTES)
        self._view = memoryview(self._memory)[:_WORDS_BYTES]
        self._words = self._view.cast("q")
        self._words[_STATUS] = _NONE
        self._logged = 0
        self.forget()

    def shared(self) -> None:
        """The worker has its descriptor, ours is not needed any more."""
        os.close(self.descriptor)

    def forget(self) -> None:
        """What the worker did in an earlier run, whose chunks had the same numbers."""
        self._words[_CHUNK] = self._words[_ITEM] = _NONE

    def has_begun(self, chunk: int) -> bool:
        """Whether the worker has begun the chunk of this number."""
        return self._words[_CHUNK] == chunk

    def call(self) -> Call | None:
        """What is being called; None: nothing, or nothing was announced."""
        item, number = self._words[_ITEM], self._words[_CALLS]
        if item in (_NONE, _ENDED):
            return None
        return Call(None if item == _SOME else item, number)

    @property
    def has_called(self) -> bool:
        """Whether calls of the chunk were announced, of which the last may have ended."""
        return self._words[_ITEM] != _NONE

    def kept(self, ended: bool) -> tuple[int, tuple[int | None, dict[str, Any]] | None]:
        """How many records were not sent since this was last asked; the last: its item's index, and its fields.

        Unless the worker has `ended`, nothing is returned while it writes.
        """
        count, size = self._words[_LOGGED], self._words[_KEPT_BYTES]
        if count == self._logged:
            return 0, None
        kept = self._memory[_WORDS_BYTES : _WORDS_BYTES + size]
        changed = (count, size) != (self._words[_LOGGED], self._words[_KEPT_BYTES])
        if not size or changed:
            if not ended:
                return 0, None
            last = None
        else:
            last = pickle.loads(kept)
        count, self._logged = count - self._logged, count
        return count, last

    @property
    def exit_code(self) -> int | None:
        """How the worker has ended, as `subprocess` has it; None: its guard did not live to tell."""
        if self._memory.closed:
            return None
        status = self._words[_STATUS]
        return None if status == _NONE else os.waitstatus_to_exitcode(status)

    def stack(self) -> str:
        """What the worker has written of its stack, the innermost call first; mostly nothing."""
        written = self._memory[_STACK_BEGINS:].partition(b"\0")[0]
        written = written.partition(b"\n\nExtension modules: ")[0]
        return written.decode(errors="replace").strip()

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._memory.close()


class Recorder:
    """The worker's side."""

    def __init__(self, descriptor: int):
        import faulthandler

        os.set_inheritable(descriptor, False)
        memory = memoryview(mmap(descriptor, _STACK_BEGINS))
        self._words, self._kept = memory[:_WORDS_BYTES].cast("q"), memory[_WORDS_BYTES:]
        self._announce = Announce.NOTHING
        self.first_index = 0
        """Index of the first item of the chunk that was begun last."""
        self._calling: tuple[Results, int] | None = None
        with suppress(RuntimeError, OSError, ValueError):  # messages then lack the stack
            faulthandler.enable(descriptor, all_threads=False)
            faulthandler.register(ASK_FOR_STACK, descriptor, all_threads=False)

    def begin(self, chunk: int, announce: Announce) -> None:
        """The chunk of this number is begun; of its calls so much is to be announced."""
        self._announce = announce
        self._words[_ITEM] = _NONE
        self._words[_CHUNK] = chunk

    def follow(self, results: Results, first: int) -> None:
        """The results of the calls that begin with the item at this position are being appended."""
        self._calling = results, first - len(results)

    def index(self) -> int | None:
        """Of the item that is being called; None where none is."""
        if self._calling is None:
            return None
        results, offset = self._calling
        return self.first_index + offset + results.given

    def keep(self, record: bytes) -> None:
        """A record of `logging` is not sent: it is counted, and the last one kept. It has under 2 KB."""
        words = self._words
        words[_KEPT_BYTES] = 0
        self._kept[: len(record)] = record
        words[_LOGGED] += 1
        words[_KEPT_BYTES] = len(record)

    def announced(self, items: Sequence[Any], first: int, slow: bool) -> Iterable[Any]:
        """A slice of items to be called, the first of which has this position in its chunk.

        `slow` says whether an item takes so long that announcing each costs little.
        """
        if self._announce is Announce.NOTHING:
            return items
        if slow or self._announce is Announce.EACH:
            return self._each(items, first)
        self._words[_CALLS] += 1
        self._words[_ITEM] = _SOME
        return items

    def again(self, position: int) -> None:
        """An item is called once more, its time begins anew."""
        if self._announce is not Announce.NOTHING:
            self._words[_CALLS] += 1
            self._words[_ITEM] = position

    def rest(self) -> None:
        """Nothing is called for now."""
        self._calling = None
        self._words[_ITEM] = _ENDED

    def _each(self, items: Iterable[Any], first: int) -> Iterator[Any]:
        words = self._words
        for position, item in enumerate(items, first):
            words[_ITEM] = position
            yield item
        words[_ITEM] = _ENDED


def _anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("fanout_worker")
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        return os.dup(file.fileno())
