"""Python objects that are in memory, or come from an iterator."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fanout_pipeline.sources.consecutive import Consecutive
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.packed import FLUSH, Packed, PackedItems, packed

_PULLED_BYTES = 2 * 2**20
"""About how much of an iterator is pulled and not yet written, by the size of the items before."""
_PULLED_ITEMS = 1000
"""The most items of it, however small. Of the first, whose size is not known, the square root of that."""
_GATHER_SECONDS = 0.005
"""How long more items of an iterator are waited for, so that not each is written by itself."""


@dataclass(frozen=True, slots=True)
class Integers(Source):
    """A range, of which any part can be made anywhere."""

    items: range

    UNIT: ClassVar[str] = "items"

    def version(self) -> Version:
        size = len(self.items)
        return Version(repr(self.items), size)

    def read(self, chunk: Chunk) -> Items:
        return PackedItems(chunk, self.items[chunk.start : chunk.stop], None)

    def locate(self, index: int) -> str:
        return f"item {index + 1} of {self.items}"

    def __str__(self) -> str:
        return repr(self.items)


@dataclass(frozen=True, slots=True)
class InMemory(Source):
    """Python objects. An iterator is consumed as its items are needed, once."""

    items: Iterable[Any] = field(repr=False)
    name: str = ""
    """What messages call the whole."""
    columns: Sequence[str] | None = None
    """Of items that are dicts, the keys that are passed on: one as its value, several as a dict."""
    begun: list[bool] = field(default_factory=list, repr=False, compare=False, kw_only=True)
    """Not empty once an iterator was begun."""

    UNIT: ClassVar[str] = "items"

    def version(self) -> Version:
        size = len(self.items) if isinstance(self.items, Sequence) else 0
        return Version("in memory", size)

    def read(self, chunk: Chunk) -> Items:
        if not isinstance(self.items, Sequence):
            raise BadInput(
                f"The items of {self} were consumed by the run. To read them again, give a list."
            )
        return PackedItems(chunk, Consecutive(self.items, chunk.start, chunk.stop), self.columns)

    def sent(self, chunk: Chunk) -> Source | None:
        """Raises BadInput for an item that cannot be pickled."""
        if not isinstance(self.items, Sequence):
            return None
        items = self.items[chunk.start : chunk.stop]
        return Sent(items, chunk.start, str(self), self.columns)

    def require_columns(self, names: Sequence[str]) -> None:
        """Raises BadInput unless each of these can be kept, as far as that is known."""
        first: Any = next(iter(self.items), {}) if isinstance(self.items, Sequence) else {}
        for name in names:
            if not isinstance(first, dict) or (first and name not in first):
                raise BadInput(
                    f"The items of {self} have no column {name!r}, so it cannot be kept."
                )

    def change(self, before: Version, now: Version) -> str:
        return f"changed from {before.size:,} to {now.size:,} items"

    def feed(self) -> Feed:
        return _Objects(self)

    def begin(self) -> Iterable[Any]:
        """The items. Raises BadInput where they are those of an iterator, a second time."""
        if isinstance(self.items, Iterator):
            if self.begun:
                raise BadInput(
                    f"The items of {self} were consumed by an earlier run. Make the {type(self.items).__name__} "
                    "anew: what that run had done is kept, and compared."
                )
            self.begun.append(True)
        return self.items

    def locate(self, index: int) -> str:
        return f"item {index + 1} of {self}"

    def __str__(self) -> str:
        return self.name or f"the {type(self.items).__name__}"


@dataclass(frozen=True, slots=True)
class Sent(Source):
    """Some items of a sequence, for a process that has not got the rest."""

    items: Sequence[Any] = field(repr=False)
    first: int
    """The index of the first."""
    name: str
    columns: Sequence[str] | None

    def version(self) -> Version:
        return Version("in memory", self.first + len(self.items))

    def read(self, chunk: Chunk) -> Items:
        items = self.items[chunk.start - self.first : chunk.stop - self.first]
        return PackedItems(chunk, items, self.columns)

    def locate(self, index: int) -> str:
        return f"item {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


class _Objects(Feed):
    """Feeds Python objects."""

    def __init__(self, source: InMemory):
        self._source = source
        self._name = str(source)
        self.is_consumed = isinstance(source.items, Iterator)
        self._total = len(source.items) if isinstance(source.items, Sequence) else None
        self._read = 0
        self._pulling: _Pulling | None = None

    def reader(self, files: Files) -> Source:
        return Packed(files, self._name, columns=self._source.columns)

    def groups(self) -> Iterator[Group]:
        items = self._source.begin()
        if not isinstance(items, Sequence):
            items = self._pulling = _Pulling(items, self._name)
        for group in packed(items, self._unpicklable):
            self._read += group.items
            if self._pulling is not None:
                self._pulling.expect(len(group.data) / group.items)
            yield group

    def share(self) -> float | None:
        if self._total is None:
            return None
        return self._read / self._total if self._total else 1.0

    def interrupt(self) -> None:
        if self._pulling is not None:
            self._pulling.stop()

    def _unpicklable(self, index: int, item: Any, error: Exception) -> BadInput:
        return BadInput(
            f"item {index + 1} of {self._name}, a {type(item).__qualname__}, cannot be pickled, so it cannot "
            f"be sent to where it is called: {error}. Give what it is made from, such as a path or a key."
        )


class _Pulling:
    """Pulls the items of an iterator in a thread of its own: nobody knows how long it waits for the next."""

    def __init__(self, items: Iterable[Any], name: str):
        self._items = items
        self._name = name
        self._pulled: deque[Any] = deque()
        self._most = round(_PULLED_ITEMS**0.5)
        self._count = 0
        self._error: BaseException | None = None
        self._over = self._stopped = False
        self._some, self._room = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._pull,), name="fanout-items", daemon=True
        )

    def __iter__(self) -> Iterator[Any]:
        """The items, and FLUSH wherever there is none yet. Raises BadInput of what the iterator raises."""
        self._thread.start()
        while not self._stopped:
            self._some.wait()
            self._some.clear()
            if not self._over and len(self._pulled) < self._most:
                time.sleep(_GATHER_SECONDS)
            over = self._over
            while self._pulled:
                yield self._pulled.popleft()
                if len(self._pulled) == self._most // 2:
                    self._room.set()
            self._room.set()
            yield FLUSH
            if over:
                break
        if self._error is not None:
            error = self._error
            raise BadInput(
                f"{self._name} raised {type(error).__name__} after {self._count:,} items: {error}"
            ) from error

    def expect(self, item_bytes: float) -> None:
        """How large items are."""
        self._most = max(1, min(_PULLED_ITEMS, int(_PULLED_BYTES / item_bytes)))

    def stop(self) -> None:
        self._stopped = True
        self._some.set()
        self._room.set()

    def _pull(self) -> None:
        items = iter(())  # type: Iterator[Any]
        try:
            items = iter(self._items)
            for item in items:
                self._pulled.append(item)
                self._count += 1
                if not self._some.is_set():
                    self._some.set()
                while len(self._pulled) >= self._most and not self._stopped:
                    self._room.clear()
                    if len(self._pulled) >= self._most and not self._stopped:
                        self._room.wait()
                if self._stopped:
                    break
            close = getattr(items, "close", None)
            if close is not None and self._stopped:
                close()
        except BaseException as error:
            self._error = error
        self._over = True
        self._some.set()
