"""Results of a run that are in no files of its own making: Python objects, as the function has returned them.

What takes much memory is moved to a temporary file, pickled, a part at a time.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fanout_pipeline.results.types.packed import packed_objects, unpacked

if TYPE_CHECKING:
    from fanout_pipeline.results.store.manifest import PartRecord

KEPT_BYTES = 256 * 2**20
"""About so much is kept in memory; more goes to the temporary file."""


class _File:
    """A temporary file without a name, which is gone with the last who refers to it."""

    def __init__(self) -> None:
        from tempfile import TemporaryFile

        with TemporaryFile(prefix="fanout-") as file:
            self._descriptor = os.dup(file.fileno())
        self._size = 0

    def append(self, data: bytes) -> int:
        """Where the data begins."""
        offset, left = self._size, memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, self._size)
            self._size, left = self._size + written, left[written:]
        return offset

    def read(self, offset: int, length: int) -> bytes:
        blocks = []
        while length and (block := os.pread(self._descriptor, length, offset)):
            blocks.append(block)
            offset, length = offset + len(block), length - len(block)
        return b"".join(blocks)

    def __del__(self) -> None:
        with suppress(AttributeError):  # There was none to be had.
            os.close(self._descriptor)


class InMemory:
    """Stands for the generation of a run whose results go to no files, where the results are not."""

    in_memory: ClassVar[bool] = True


class MemoryPart:
    """The results of consecutive items."""

    def __init__(
        self,
        first_index: int,
        items: int,
        kept: list[Any] | bytes | tuple[_File, int, int],
        failed: Sequence[Mapping[str, Any]] = (),
        omits: bool = False,
    ):
        self.first_index = first_index
        """The index of the first item."""
        self.items = items
        """The number of items, including those that failed."""
        self.failed = failed
        """What is known of each item that failed: `index`, `where`, `item`, `error_type`, `message`, `traceback`."""
        self.omits = omits
        """Whether there is no result for an item that failed, rather than None."""
        self._kept = kept

    @property
    def rows(self) -> int:
        """The number of results."""
        return self.items - (len(self.failed) if self.omits else 0)

    @property
    def indexes(self) -> Sequence[int]:
        """The index of the item of each result."""
        whole = range(self.first_index, self.first_index + self.items)
        if not (self.omits and self.failed):
            return whole
        failed = {one["index"] for one in self.failed}
        return [index for index in whole if index not in failed]

    def values(self) -> list[Any]:
        """The results, in order."""
        if isinstance(self._kept, list):
            return self._kept
        if isinstance(self._kept, bytes):
            return unpacked(self._kept)
        file, offset, length = self._kept
        return unpacked(file.read(offset, length))


class MemoryResults(InMemory):
    """Collects the parts of one run, in any order, from any thread."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._file: _File | None = None
        self._made: dict[int, MemoryPart] = {}
        """By the numbers of chunks."""
        self._added: list[tuple[int, MemoryPart]] = []
        self.pids: set[int] = set()
        """The processes that have made the parts."""
        self.retried = 0
        """How many calls were made again."""
        self.unsendable = ""
        """Why no other process could send results such as these; empty where it could, or nobody knows."""
        self.local = Path()
        """A folder for what the run writes besides, if anything."""

    def __reduce__(self) -> Any:
        return InMemory, ()

    @property
    def parts(self) -> list[MemoryPart]:
        """All that was added, in the order of the input; after an error there are gaps."""
        return [part for _, part in sorted(self._added, key=lambda one: one[0]) if part.items]

    def keep(
        self,
        number: int,
        first_index: int,
        items: int,
        results: list[Any] | bytes,
        failed: Sequence[Mapping[str, Any]],
        omits: bool,
    ) -> None:
        """Keep what was made of the chunk of this number; it is a part once it is added."""
        size = len(results) if isinstance(results, bytes) else self._size(results)
        kept: list[Any] | bytes | tuple[_File, int, int] = results
        with self._lock:
            if self._bytes + size <= self._kept_bytes:
                self._bytes += size
            elif size:
                kept = self._moved(results)
        self._made[number] = MemoryPart(first_index, items, kept, failed, omits)

    def add(self, start: int, stop: int, part: PartRecord) -> None:
        """See `PartCollector.add`."""
        self._added.append((start, self._made.pop(part.number)))
        self.pids.add(part.pid)
        with self._lock:
            self.retried += part.retried

    def discard(self, number: int) -> None:
        """See `PartCollector.discard`."""
        self._made.pop(number, None)

    def in_order(self) -> list[PartRecord]:
        """None: they are in `parts`."""
        return []

    def _size(self, results: list[Any]) -> int:
        """About how much memory they take, by one of them; nothing where that cannot be pickled."""
        if not results:
            return 0
        one = results[len(results) // 2]
        try:
            return len(results) * len(pickle.dumps(one))
        except Exception as error:
            self.unsendable = f"a result, a {type(one).__qualname__}, cannot be pickled: {error}"
            return 0

    def _moved(self, results: list[Any] | bytes) -> list[Any] | tuple[_File, int, int]:
        """Where in the temporary file they are now; themselves if they cannot be pickled."""
        try:
            data = results if isinstance(results, bytes) else packed_objects(results)
        except Exception:
            return results  # type: ignore[return-value]
        if self._file is None:
            self._file = _File()
        return self._file, self._file.append(data), len(data)
