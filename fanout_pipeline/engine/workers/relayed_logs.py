"""What workers have logged, logged again in this process: its loggers, handlers and filters apply, as in `serial`.

See `log_records` for the worker's side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from fanout_pipeline.engine.workers.log_records import LogQuota

_REPORT_SECONDS = 1.0
_UNKNOWN = {"name": "root", "levelno": 30}
"""Fields for a record of which nothing is known, because its worker died while it wrote it: a warning."""


def log_levels() -> dict[str, int]:
    """The levels that this process has set, by the names of loggers, for its workers to follow."""
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


class RelayedLogs:
    """The records of all workers during one run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._quota = LogQuota(clock)
        self._left_out = 0
        """How many records were left out and not reported yet."""
        self._last: _Record | None = None
        """The last record that was left out."""
        self._began = clock()
        """When the first record was left out that is not reported yet."""
        self._last_of: dict[int, _Record] = {}
        """The last record that was left out, by the worker's process id."""
        self._relayed: dict[int, float] = {}
        """When the last record that was relayed was created, by the worker's process id."""

    def relay(self, pid: int, index: int | None, fields: dict[str, Any]) -> None:
        """Log a record that a worker has sent, if it is within the quota."""
        record = _Record(pid, index, fields)
        if self._quota.takes(fields["levelno"]):
            self._relayed[pid] = fields["created"]
            _log(record)
        else:
            self._leave_out(record, 1)

    def left_out(self, pid: int, count: int, last: tuple[Any, Any] | None) -> None:
        """Note that a worker has not sent so many records, the last of which was (index, fields).

        None: it died while it wrote that down.
        """
        if last is not None:
            self._leave_out(_Record(pid, *last), count)
        else:
            self._count(count)

    def worker_ended(self, pid: int, died: bool) -> None:
        """Nothing more comes from a worker. If it died, its last record is logged whatever the quota."""
        last = self._last_of.pop(pid, None)
        if died and last is not None and last.fields["created"] > self._relayed.get(pid, 0.0):
            _log(last)
        self.report_due()

    def report_due(self) -> None:
        """Report how many records were left out if a second has passed since the first."""
        if self._left_out and self._clock() - self._began >= _REPORT_SECONDS:
            self.report_left_out()

    def report_left_out(self) -> None:
        """Log how many records were left out, if any."""
        if self._left_out:
            text = f"… and {self._left_out:,} more in the same second"
            self._left_out = 0
            _handle(self._last.fields if self._last is not None else _UNKNOWN, text, {})

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


def _log(record: _Record) -> None:
    by = f"worker process {record.pid}"
    if record.item is not None:
        by += f", item {record.item}"
    text = f"{record.fields['msg']} ({record.fields['name']}, {by})"
    if traceback := record.fields.get("traceback"):
        text += f"\n{traceback}"
    _handle(record.fields, text, {"fanout_worker": record.pid, "fanout_item": record.item})


def _handle(fields: dict[str, Any], text: str, more: dict[str, Any]) -> None:
    import logging

    kept = {name: value for name, value in fields.items() if name != "traceback"}
    level = {"levelname": logging.getLevelName(fields["levelno"])}
    record = logging.makeLogRecord(level | kept | {"msg": text} | more)
    logging.getLogger(record.name).handle(record)
