"""Lines as they are in a file, in one piece: counted, split, converted and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def count(raw: bytes) -> int:
    """How many lines there are."""
    return raw.count(b"\n") + (raw != b"" and not raw.endswith(b"\n"))


def split(raw: bytes) -> list[bytes]:
    """The lines, without their LF."""
    lines = raw.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def convert_each(
    lines: list[bytes], convert: Callable[[bytes], Any], on_error: Callable[[bytes], Any]
) -> list[Any]:
    """What `convert` makes of each line, and `on_error` of each for which that raises ValueError."""
    items: list[Any] = []
    left = iter(lines)
    while len(items) < len(lines):
        try:
            # extend() keeps what the iterator gave before it raised.
            items.extend(map(convert, left))
        except ValueError:
            items.append(on_error(lines[len(items)]))
    return items


def shortened(line: bytes, limit: int = 40) -> str:
    """A line as messages show it: ASCII, its beginning where it is long."""
    text = line[: limit + 1].decode(errors="backslashreplace")
    return ascii(text) if len(line) <= limit else f"{text[:limit]!a}… ({len(line):,} bytes)"
