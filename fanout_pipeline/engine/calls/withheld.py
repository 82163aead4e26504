"""What is recorded of a call that has failed: with `record_items=False`, nothing of its item.

The message of an exception is the function's. It stays unless it tells of the item, and so do those of its causes.
Imported only when a call has failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from traceback import TracebackException
from typing import Any

from fanout_pipeline.engine.functions.resources import inside
from fanout_pipeline.engine.model.errors import (
    Failure,
    failure_from,
    reraise_interrupt,
    short_repr,
    shown_traceback,
    tried,
)
from fanout_pipeline.engine.model.options import FailurePolicy

_RUN = 8
"""A text that has so many characters in a row from an item tells of it, and one that has a shorter value whole."""
_DEPTH = 20
_OF_OTHERS = (Mapping, list, tuple, set, frozenset)
"""What has nothing but other values."""
_WITHHELD = "(not recorded, as it has text of the item)"


def failure_of(error: BaseException, item: Any, tries: int, policy: FailurePolicy) -> Failure:
    """The record of an exception that a call with this item has raised at the last of some `tries`."""
    if policy.record_items:
        return failure_from(error, short_repr(item), tries)
    try:
        raised = TracebackException.from_exception(error)
        tells = tells_of("".join(_messages(raised)), item)
    except BaseException as unreadable:  # The item's own code may raise anything.
        reraise_interrupt(unreadable)
        tells = True
    failure = failure_from(error, "", tries)
    if not tells:
        return failure
    frames = shown_traceback("".join(_frames(raised)))
    return replace(failure, message=_WITHHELD + tried(tries), traceback=frames)


def tells_of(text: str, item: Any) -> bool:
    """Whether a text has something of an item's values. The names of fields and keys are no values."""
    text = text.casefold()
    runs = set(_runs(text))
    for value in map(str.casefold, _values(item, set(), _DEPTH)):
        if not runs.isdisjoint(_runs(value)):
            return True
        if 0 < len(value) < _RUN and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text):
            return True
    return False


def _runs(text: str) -> Iterator[str]:
    return (text[at : at + _RUN] for at in range(len(text) - _RUN + 1))


def _values(value: Any, seen: set[int], depth: int) -> Iterator[str]:
    """The values in an item as text, and as they are escaped."""
    if id(value) in seen or value is None or isinstance(value, (bool, type)):
        return
    if isinstance(value, str):
        yield value
        if not value.isascii():
            yield ascii(value)[1:-1]
    elif isinstance(value, (bytes, bytearray, memoryview)):
        yield bytes(value).decode(errors="replace")
        yield repr(bytes(value))[2:-1]
    else:
        seen.add(id(value))
        within = list(inside(value)) if depth else []
        for one in within:
            yield from _values(one, seen, depth - 1)
        if not (within and hasattr(value, "__dict__")) and not isinstance(value, _OF_OTHERS):
            yield from (str(value), repr(value))


def _chain(raised: TracebackException) -> Iterator[TracebackException]:
    """An exception, those in it, and those that it came of, before it."""
    if raised.__cause__ is not None:
        yield from _chain(raised.__cause__)
    elif raised.__context__ is not None and not raised.__suppress_context__:
        yield from _chain(raised.__context__)
    for one in raised.exceptions or ():
        yield from _chain(one)
    yield raised


def _messages(raised: TracebackException) -> Iterator[str]:
    for one in _chain(raised):
        yield from one.format_exception_only()


def _frames(raised: TracebackException) -> Iterator[str]:
    """Where each of them was raised, without their messages."""
    for one in _chain(raised):
        yield "Traceback (most recent call last):\n"
        yield from one.stack.format()
        yield f"{one.exc_type.__name__ if one.exc_type else 'an exception'} {_WITHHELD}\n"
