"""What workers have logged, said again in this process: its loggers, handlers and filters apply, as in serial.

See `log_records` for the worker's side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from fanout_pipeline.engine.workers.log_quota import LogQuota

_TELL_SECONDS = 1.0
_UNKNOWN = {"name": "root", "levelno": 30}
"""A record of which nothing is known, for its worker died as it was about to leave it: a warning."""


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
    item: int | None
    """Index of the item that was being called; None: none was."""
    fields: dict[str, Any]
    is_last: bool = False
    """Its worker died with it unsent: it is said whatever the quota, if nothing later was."""


class Logged:
    """For one run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._quota = LogQuota(clock)
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

    def take(self, pid: int, index: int | None, fields: dict[str, Any]) -> None:
        """A record that has come from a worker."""
        self._say(_Record(pid, index, fields))

    def over(self, pid: int, count: int, last: tuple[Any, Any] | None) -> None:
        """A worker has kept so many records to itself, of which the last was (index, fields).

        None: it died as it was about to leave that behind.
        """
        if last is not None:
            self._leave_out(_Record(pid, *last), count)
        else:
            self._count(count)

    def look(self) -> None:
        """Now and then: say how many were left out."""
        if self._left_out and self._clock() - self._began >= _TELL_SECONDS:
            self.tell_left_out()

    def gone(self, pid: int, died: bool) -> None:
        """Nothing more comes from a worker. If it died, its last words are said, too."""
        last = self._last_of.pop(pid, None)
        if died and last is not None:
            self._say(last._replace(is_last=True))
        self.look()

    def close(self) -> None:
        """The run has ended: say what is left."""
        self.tell_left_out()

    def tell_left_out(self) -> None:
        """Say how many records were left out."""
        if self._left_out:
            told = f"… and {self._left_out:,} more in this second"
            self._left_out = 0
            _handle(self._last.fields if self._last is not None else _UNKNOWN, told, {})

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

    def _handle(self, record: _Record) -> None:
        index = record.item
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
