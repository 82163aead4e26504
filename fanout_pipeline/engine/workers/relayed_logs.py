"""What workers have logged, said again in this process: its loggers, handlers and filters apply, as in serial.

A record is held until its item's index is known, which is when all that lies before its chunk is
counted; the records of one worker stay in their order. See `log_records` for the worker's side.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from fanout_pipeline.engine.workers.log_quota import LogQuota
from fanout_pipeline.sources.source import Chunk

_TELL_SECONDS = 1.0
_UNKNOWN = {"name": "root", "levelno": 30}
"""A record of which nothing is known, for its worker died as it was about to leave it: a warning."""
_HELD = 1000
"""So many of a worker wait for an index at most."""


def log_levels() -> dict[str, int]:
    """The levels that this process has set, by the names of loggers; for its workers to have."""
    logging: Any = sys.modules.get("logging")
    if logging is None:
        return {}
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    return {
        logger.name: logger.level
        for logger in known
        if isinstance(logger, logging.Logger) and (logger.level or logger is logging.root)
    }


class _Record(NamedTuple):
    pid: int
    chunk: Chunk | None
    """The chunk that its worker had in hand."""
    position: int | None
    """The place in the chunk of the item that was being called; None: none was."""
    fields: dict[str, Any]
    is_last: bool = False
    """Its worker died with it unsent: it is said whatever the quota, if nothing later was."""


class Logged:
    """For one run. `first_index` tells where a chunk begins in the input, as soon as that is known."""

    def __init__(
        self,
        first_index: Callable[[Chunk], int | None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._first_index = first_index
        self._clock = clock
        self._quota = LogQuota(clock)
        self._held: defaultdict[int, deque[_Record]] = defaultdict(deque)
        """By the process ids of workers."""
        self._left_out = 0
        """How many records were not said again since they were last counted."""
        self._last: _Record | None = None
        """The last record that was left out."""
        self._began = clock()
        """When the first of those that are not counted yet was left out."""
        self._last_of: dict[int, _Record] = {}
        """The last record of each worker that was left out."""
        self._said: dict[int, float] = {}
        """When the last record of each worker that was said was made."""

    def take(
        self, pid: int, chunk: Chunk | None, position: int | None, fields: dict[str, Any]
    ) -> None:
        """A record that has come from a worker, with what the worker was given."""
        held = self._held[pid]
        held.append(_Record(pid, chunk, position, fields))
        if len(held) > _HELD:
            self._say(held.popleft())
        self._release(held)

    def over(self, pid: int, chunk: Chunk | None, count: int, last: tuple[Any, Any] | None) -> None:
        """A worker has kept so many records to itself, of which the last was (position, fields).

        None: it died as it was about to leave that behind.
        """
        if last is not None:
            self._leave_out(_Record(pid, chunk, *last), count)
        else:
            self._count(count)

    def look(self) -> None:
        """Now and then: say what can be said by now."""
        for held in self._held.values():
            self._release(held)
        if self._left_out and self._clock() - self._began >= _TELL_SECONDS:
            self.tell_left_out()

    def gone(self, pid: int, died: bool) -> None:
        """Nothing more comes from a worker. If it died, its last words are said, too."""
        last = self._last_of.pop(pid, None)
        if died and last is not None:
            self._held[pid].append(last._replace(is_last=True))
        self.look()

    def close(self) -> None:
        """The run has ended: say what is left."""
        for held in self._held.values():
            while held:
                self._say(held.popleft())
        self.tell_left_out()

    def tell_left_out(self) -> None:
        """Say how many records were left out."""
        if self._left_out:
            told = f"… and {self._left_out:,} more in this second"
            self._left_out = 0
            _handle(self._last.fields if self._last is not None else _UNKNOWN, told, {})

    def _release(self, held: deque[_Record]) -> None:
        while held and (held[0].position is None or self._index(held[0]) is not None):
            self._say(held.popleft())

    def _say(self, record: _Record) -> None:
        if record.is_last:
            if record.fields["created"] > self._said.get(record.pid, 0.0):
                self._handle(record)
        elif self._quota.takes(record.fields["levelno"]):
            self._said[record.pid] = record.fields["created"]
            self._handle(record)
        else:
            self._leave_out(record, 1)

    def _leave_out(self, record: _Record, count: int) -> None:
        self._count(count)
        self._last = record
        # What a worker has kept to itself may be older than what it has sent.
        other = self._last_of.get(record.pid, record)
        self._last_of[record.pid] = max(other, record, key=lambda one: one.fields["created"])

    def _count(self, count: int) -> None:
        if not self._left_out:
            self._began = self._clock()
        self._left_out += count

    def _index(self, record: _Record) -> int | None:
        if record.chunk is None or record.position is None:
            return None
        first_index = self._first_index(record.chunk)
        return None if first_index is None else first_index + record.position

    def _handle(self, record: _Record) -> None:
        index = self._index(record)
        by = f"worker process {record.pid}"
        if index is not None:
            by += f", item {index}"
        told = f"{record.fields['msg']} ({record.fields['name']}, {by})"
        if traceback := record.fields.get("traceback"):
            told += f"\n{traceback}"
        _handle(record.fields, told, {"fanout_worker": record.pid, "fanout_item": index})


def _handle(fields: dict[str, Any], told: str, more: dict[str, Any]) -> None:
    import logging

    kept = {name: value for name, value in fields.items() if name != "traceback"}
    level = {"levelname": logging.getLevelName(fields["levelno"])}
    record = logging.makeLogRecord(level | kept | {"msg": told} | more)
    logging.getLogger(record.name).handle(record)
