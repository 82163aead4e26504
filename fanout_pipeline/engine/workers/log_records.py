"""A worker's side of `logging`: its records are sent to the process that started it, which has the handlers.

    Logger.info -> callHandlers -> within the quota: (LOGGED, index of the item being called, fields)
                                   over it:          counted, and the last one kept, in the call log

See `relayed_logs` for what becomes of them there. `logging` is not imported for it (20 ms): it is taken over when
something else imports it. A process that the function forks has the handlers that its worker has, and sends nothing.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.model.errors import masked
from fanout_pipeline.engine.workers.protocol import LOGGED

if TYPE_CHECKING:
    import logging

    from fanout_pipeline.engine.calls.call_log import Recorder

A_SECOND = 10
"""Records of each level that are let through in a second, so that many of one level do not hide the few of another.
Writing one to Dagster's event log takes 11 ms on SQLite, 21 on a busy machine."""
_LEVELS = 6

_NUMBERS = (int, float, bool, type(None))
_LONGEST_TEXT = 20_000
_KEPT = ("levelno", "created")
_KEPT_TEXT = 200
"""The characters that are kept of a text, each of four bytes at most: the call log has little room."""


class LogQuota:
    """Lets so many records of each level through in a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._ends = clock()
        self._taken = [0] * _LEVELS

    def takes(self, level: int) -> bool:
        """Whether one more record of the level is within the quota."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + 1
            self._taken = [0] * _LEVELS
        # From NOTSET to CRITICAL in tens; custom levels are near one of them.
        which = min(max(level // 10, 0), _LEVELS - 1)
        self._taken[which] += 1
        return self._taken[which] <= A_SECOND


class LogRecords:
    """Takes records from when it is created until the process ends."""

    def __init__(self, send: Callable[[Any], None], recorder: Recorder):
        self._send = send
        self._recorder = recorder
        self._quota = LogQuota()
        self._pid = os.getpid()
        self._levels: dict[str, int] = {}
        if "logging" in sys.modules:
            self._take_over(sys.modules["logging"])
        else:
            sys.meta_path.insert(0, _WhenImported("logging", self._take_over))

    def follow(self, levels: dict[str, int]) -> None:
        """Take on the levels of the other process, by the names of loggers, and drop all handlers.

        What the function's module set up here when it was imported, it has set up there, too.
        """
        self._levels = levels
        if "logging" in sys.modules:
            self._apply(sys.modules["logging"])

    def _apply(self, logging: Any) -> None:
        for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
            if isinstance(logger, logging.Logger):  # Others are placeholders.
                logger.handlers.clear()
        # So that `logging.warning` and `basicConfig` need not set up anything.
        logging.root.addHandler(logging.NullHandler())
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def _take_over(self, logging: Any) -> None:
        call_handlers = logging.Logger.callHandlers

        def take(logger: logging.Logger, record: logging.LogRecord) -> None:
            if os.getpid() == self._pid:
                self._take(record)
            elif logger.hasHandlers() and record.levelno >= logging.lastResort.level:
                logging.lastResort.handle(record)
            call_handlers(logger, record)

        logging.Logger.callHandlers = take
        self._apply(logging)

    def _take(self, record: logging.LogRecord) -> None:
        index = self._recorder.index()
        try:
            if self._quota.takes(record.levelno):
                with suppress(OSError):  # We are about to end.
                    self._send((LOGGED, index, _fields(record)))
            else:
                kept = {name: getattr(record, name) for name in _KEPT}
                kept["name"] = record.name[:_KEPT_TEXT]
                kept["msg"] = masked(record.getMessage())[:_KEPT_TEXT]
                self._recorder.keep(pickle.dumps((index, kept)))
        except Exception:  # Such as of arguments that do not fit the format.
            sys.modules["logging"].lastResort.handleError(record)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """A record's attributes as values that any process can read, its traceback as text."""
    fields = {
        name: value if isinstance(value, _NUMBERS) else _text(value)
        for name, value in record.__dict__.items()
    }
    traceback = record.exc_text
    if record.exc_info and not traceback:
        traceback = sys.modules["logging"].Formatter().formatException(record.exc_info)
    return fields | {
        "msg": masked(record.getMessage())[:_LONGEST_TEXT],
        "traceback": traceback and masked(traceback)[-_LONGEST_TEXT:],
        "args": None,
        "exc_info": None,
        "exc_text": None,
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return masked(value)
    try:
        return masked(repr(value))[:_LONGEST_TEXT]
    except Exception:
        return f"a {type(value).__name__} whose repr fails"


class _WhenImported:
    """A finder on `sys.meta_path` that finds nothing by itself, but calls back when a module was imported."""

    def __init__(self, name: str, imported: Callable[[Any], None]):
        self._name = name
        self._imported = imported

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self._name:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        loader: Any = spec and spec.loader
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                with suppress(ValueError):
                    sys.meta_path.remove(self)
                self._imported(module)

            loader.exec_module = exec_module
        return spec
