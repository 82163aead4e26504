"""What a worker leaves behind when it dies: which chunk it had begun, which item it was calling, and its stack.

    shared memory:  chunk begun | item being called | calls | exit status | …     (64-bit words)
    then:           its last log record, if there were too many to be sent
    then, as text:  Python's stack, written at a fatal signal or when the parent asks for it

The worker writes (its guard the exit status) and the parent reads, without a message: a worker that is killed or held
in a C call cannot send one. Single items are written only where that is asked for, because a write takes 0.1 µs.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from mmap import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout_pipeline.engine.calls.cutting import Cutting

if TYPE_CHECKING:
    pass

_WORDS_BYTES = 64
_CHUNK, _ITEM, _CALLS, _STATUS, _LOGGED, _KEPT_BYTES = range(6)
STATUS_AT = 8 * _STATUS
"""Where the guard writes the worker's status as `os.waitpid` returns it: a word of eight bytes."""
_NONE, _SOME, _ENDED, _SETUP = -1, -2, -3, -4
_STACK_BEGINS = 2048
_BYTES = 8192
"""The size of the log, with room for a stack of some eighty calls. A limit of file sizes (ulimit -f) holds for
shared memory, too."""

ASK_FOR_STACK = signal.SIGRTMAX - 1 if sys.platform == "linux" else getattr(signal, "SIGUSR2", 0)
"""A worker that gets this signal writes its stack and goes on, even within a C call."""


class Announce(Enum):
    """Which of its calls a worker announces."""

    NOTHING = 0
    SLOW = 1
    """Announce each item where items are slow, otherwise each slice of them."""
    EACH = 2


class Call(NamedTuple):
    """The call that was announced last."""

    item: int | None
    """Position in the chunk; None where a slice was announced."""
    number: int
    """A number that differs between the calls of one item, and between slices."""


class CallLog:
    """The parent's side."""

    def __init__(self) -> None:
        self.descriptor = _anonymous_file()
        """The descriptor that the worker inherits; `shared` must be called afterwards."""
        os.ftruncate(self.descriptor, _BYTES)
        # The worker inherits the position with the descriptor; faulthandler writes there.
        os.lseek(self.descriptor, _STACK_BEGINS, os.SEEK_SET)
        self._memory = mmap(self.descriptor, _BYTES)
        self._view = memoryview(self._memory)[:_WORDS_BYTES]
        self._words = self._view.cast("q")
        self._words[_STATUS] = _NONE
        self._logged = 0
        self.forget()

    def shared(self) -> None:
        """Close our descriptor, once the worker has its own."""
        os.close(self.descriptor)

    def forget(self) -> None:
        """Forget an earlier run, whose chunks had the same numbers."""
        self._words[_CHUNK] = self._words[_ITEM] = _NONE

    def has_begun(self, chunk: int) -> bool:
        """Whether the worker has begun the chunk of this number."""
        return self._words[_CHUNK] == chunk

    def call(self) -> Call | None:
        """The call in progress; None if there is none, or it was not announced."""
        item, number = self._words[_ITEM], self._words[_CALLS]
        if item in (_NONE, _ENDED, _SETUP):
            return None
        return Call(None if item == _SOME else item, number)

    @property
    def has_called(self) -> bool:
        """Whether a call of the chunk was announced, be it in progress or not."""
        return self._words[_ITEM] != _NONE

    @property
    def is_setting_up(self) -> bool:
        """Whether the worker is making the value that `setup` makes."""
        return self._words[_ITEM] == _SETUP

    @property
    def has_set_up(self) -> bool:
        """Whether the worker has made a value, and is not making another."""
        return self._words[_CALLS] > 0 and not self.is_setting_up

    def kept(self, ended: bool) -> tuple[int, tuple[int | None, dict[str, Any]] | None]:
        """How many log records were kept back since this was last asked, and the last one: (index, fields).

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
        """The worker's return code, as `subprocess` has it; None if its guard died first."""
        if self._memory.closed:
            return None
        status = self._words[_STATUS]
        return None if status == _NONE else os.waitstatus_to_exitcode(status)

    def stack(self) -> str:
        """The stack that the worker has written, innermost call first; usually empty."""
        written = self._memory[_STACK_BEGINS:].partition(b"\0")[0]
        written = written.partition(b"\n\nExtension modules: ")[0]
        return written.decode(errors="replace").strip()

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._memory.close()


class Recorder(Cutting):
    """The worker's side."""

    def __init__(self, descriptor: int):
        import faulthandler

        super().__init__()
        os.set_inheritable(descriptor, False)
        memory = memoryview(mmap(descriptor, _STACK_BEGINS))
        self._words, self._kept = memory[:_WORDS_BYTES].cast("q"), memory[_WORDS_BYTES:]
        self._announce = Announce.NOTHING
        self.first_index = 0
        """Index of the first item of the chunk that was begun last."""
        with suppress(RuntimeError, OSError, ValueError):  # Messages then lack the stack.
            faulthandler.enable(descriptor, all_threads=False)
            faulthandler.register(ASK_FOR_STACK, descriptor, all_threads=False)

    def begin(self, chunk: int, announce: Announce) -> None:
        """The chunk of this number is begun; `announce` says which of its calls to announce."""
        self._announce = announce
        self._words[_ITEM] = _NONE
        self._words[_CHUNK] = chunk

    def index(self) -> int | None:
        """The index of the item that is being called; None between calls."""
        position = self.position()
        return None if position is None else self.first_index + position

    def keep(self, record: bytes) -> None:
        """Count a log record that is not sent, and keep it as the last one. It has under 2 KB."""
        words = self._words
        words[_KEPT_BYTES] = 0
        self._kept[: len(record)] = record
        words[_LOGGED] += 1
        words[_KEPT_BYTES] = len(record)

    def announced(self, items: Sequence[Any], first: int, slow: bool) -> Iterable[Any]:
        """The items of a slice, which announce themselves as they are taken; `first` is a position in the chunk.

        `slow`: an item takes so long that announcing each costs little.
        """
        self.sliced(items, first)
        if self._announce is Announce.NOTHING:
            return items
        if slow or self._announce is Announce.EACH:
            return self._each(items, first)
        self._words[_CALLS] += 1
        self._words[_ITEM] = _SOME
        return items

    def again(self, position: int) -> None:
        """An item is called once more, which is a call of its own."""
        if self._announce is not Announce.NOTHING:
            self._words[_CALLS] += 1
            self._words[_ITEM] = position

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """For the block, `setup` makes a value: whichever call is in progress, that is no part of it."""
        words, calling = self._words, self._calling
        item, words[_ITEM], self._calling = words[_ITEM], _SETUP, None
        try:
            yield
        finally:
            words[_CALLS] += 1
            words[_ITEM], self._calling = item, calling

    def rest(self) -> None:
        """No call is in progress."""
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
