"""A spool that is being written: a thread copies what a feed gives to a file, and the index beside it.

It goes on while calls are made with what has arrived, but not further ahead of them than AHEAD_BYTES.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from fanout_pipeline.sources.source import Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.index import BEGINNING, Record, read_index, seal

AHEAD_BYTES = 32 * 2**20
"""How far the spool may be ahead of what was taken from it."""
DATA = "_spool"
INDEX = "_kept-spool"
"""The index outlives a run that dies: the next run sees by it whether it is given the same again."""
_BEFORE = "_kept-spool-before"
"""The index of the run before, as long as it is not known how far this run is given the same."""
_PATIENCE_SECONDS = 2.0
"""How long the end waits for a thread that was interrupted. It may be in code that nothing interrupts."""


class Arrived(NamedTuple):
    """What there is at one time."""

    units: int
    ended: bool
    """Whether that is all."""
    error: BaseException | None = None
    """Why the rest cannot be had, if that is so."""


class Spool:
    """A feed that is being copied to files in a folder; a context manager, which ends that."""

    def __init__(self, feed: Feed, folder: Path):
        self._feed = feed
        self._folder = folder
        self._files = Files(folder / DATA, folder / INDEX, secrets.token_bytes(16))
        self.source: Source = feed.reader(self._files)
        """Reads what has arrived."""
        self.unit, self.is_consumed = feed.unit, feed.is_consumed
        """See `Feed`."""
        self._changed = threading.Condition()
        self._last = BEGINNING
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        self._listener: Callable[[], object] = lambda: None
        self._limited = feed.may_wait
        self._taken = 0
        self._ahead: deque[Record] = deque()
        """The groups of which not all was taken."""
        self._before: deque[Record] = deque()
        """What the run before knew of its groups, as far as it was not met again."""
        self._same = BEGINNING
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._copy,), name="fanout-spool", daemon=True
        )

    def __enter__(self) -> Self:
        self._at = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._take_over_index()
        self._data, self._index = self._created(DATA), self._created(INDEX)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._feed.interrupt()
        self._thread.join(_PATIENCE_SECONDS)
        self._remove(DATA)
        os.close(self._at)

    def expect(self, units: int) -> None:
        """Before it begins: compare the first so many units with what the run before was given."""
        before = self._folder / _BEFORE
        for record in read_index(before if before.exists() else self._files.index):
            self._before.append(record)
            if record.units >= units:
                break

    @property
    def arrived(self) -> Arrived:
        """What has arrived. Raises what the feed has raised."""
        with self._changed:
            if self._error is not None:
                raise self._error
            return Arrived(self._last.units, self._ended)

    @property
    def so_far(self) -> Arrived:
        """What has arrived, whatever became of the rest."""
        with self._changed:
            return Arrived(self._last.units, self._ended, self._error)

    def wait(self, units: int, seconds: float) -> None:
        """Wait until more than so many units have arrived, or all, or nothing more will; or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._last.units > units or self._is_over, seconds)

    def listen(self, listener: Callable[[], object]) -> None:
        """Call this, in the spool's thread, whenever something has arrived, or nothing more will."""
        self._listener = listener

    def compared(self, seconds: float) -> int | None:
        """How many units are the same as in the run before; None where that is not known after so long.

        Raises what the feed has raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._before or self._is_over, seconds)
            if self._error is not None:
                raise self._error
            return self._same.units if not self._before or self._ended else None

    def forget_before(self) -> None:
        """From now on the next run is to compare with this one."""
        self._remove(_BEFORE)

    def taken(self, units: int) -> None:
        """All up to there was taken."""
        with self._changed:
            self._taken = max(self._taken, units)
            while self._ahead and self._ahead[0].units <= self._taken:
                self._ahead.popleft()
            self._changed.notify_all()

    def let_run(self) -> None:
        """Copy all of it, however little is taken."""
        with self._changed:
            self._limited = False
            self._changed.notify_all()

    def size(self) -> float | None:
        """How many units there will be, about; None while that cannot be said."""
        share, units = self._feed.share(), self._last.units
        return units if self._ended else units / share if share else None

    def version(self, of: Version) -> Version:
        """The version of the source with what was found, once all has arrived."""
        last = self._last
        return Version(of.token, of.size, last.digest.hex() or sha256().hexdigest(), last.items)

    @property
    def _is_over(self) -> bool:
        return self._ended or self._error is not None

    def _take_over_index(self) -> None:
        if self._files.index.exists():
            if (self._folder / _BEFORE).exists():  # That is the one that belongs to the ledger.
                self._remove(INDEX)
            else:
                os.rename(INDEX, _BEFORE, src_dir_fd=self._at, dst_dir_fd=self._at)

    def _created(self, name: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return os.open(name, flags, 0o600, dir_fd=self._at)

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._at)

    def _copy(self) -> None:
        error: BaseException | None = None
        try:
            self._copy_groups()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._error = error
            self._ended = error is None and not self._stopped
            self._changed.notify_all()
        self._listener()

    def _copy_groups(self) -> None:
        digest = sha256()
        with os.fdopen(self._data, "wb", 0) as data, os.fdopen(self._index, "wb", 0) as index:
            groups = self._feed.groups()
            try:
                for group in groups:
                    last = self._last
                    at = last.size
                    left = memoryview(group.data)
                    while left:
                        left = left[data.write(left) :]
                    self._compare(digest, group, at)
                    record = Record(
                        last.units + group.units,
                        at + len(group.data),
                        last.items + group.items,
                        group.part,
                        _digest(digest, group.is_open),
                        seal(self._files.key, group.data),
                    )
                    index.write(record.packed())
                    if not self._published(record):
                        return
                    self._listener()
            finally:
                groups.close()  # type: ignore[attr-defined]  # they are generators

    def _published(self, record: Record) -> bool:
        """Say that a group has arrived, and wait while too much is ahead; False once it is to end."""
        with self._changed:
            self._last = record
            self._ahead.append(record)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or not self._is_far_ahead)
            return not self._stopped

    @property
    def _is_far_ahead(self) -> bool:
        is_held_back = self._limited and self._ahead and not self._before
        return bool(is_held_back) and self._last.size - self._ahead[0].size > AHEAD_BYTES

    def _compare(self, digest: Any, group: Group, at: int) -> None:
        """Add a group, which begins at a byte, to the digest, which is compared wherever the run before had one."""
        data, done = memoryview(group.data), 0
        while self._before and self._before[0].size <= at + len(data):
            stop = self._before[0].size - at
            digest.update(data[done:stop])
            done = stop
            is_open = group.is_open and stop == len(data)
            with self._changed:
                if _digest(digest, is_open) != self._before[0].digest:
                    self._before.clear()
                    break
                self._same = self._before.popleft()
        digest.update(data[done:])


def _digest(digest: Any, is_open: bool) -> bytes:
    """Of all bytes so far; another where the last item has no end, so that one which goes on is not the same."""
    digest = digest.copy()
    digest.update(b"open" * is_open)
    return digest.digest()  # type: ignore[no-any-return]
