"""A text file with one item a line: the line itself, without its end.

Means what `text.split("\\n")` means, the CR of a CRLF taken off. Nothing but LF ends a line: neither a
lone CR nor what `str.splitlines` splits at besides (VT, FF, FS, GS, RS, NEL, U+2028, U+2029). A byte
order mark at the beginning of the file is left out, as Python's "utf-8-sig" does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout_pipeline.sources.lines import Lines
from fanout_pipeline.sources.raw_lines import convert_each, shortened, split
from fanout_pipeline.sources.source import Unreadable

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class TextLines(Lines):
    """The source `path`, a file, folder or glob: text, one item a line, UTF-8. An empty line is an item."""

    def parse(self, raw: bytes) -> list[str]:
        if b"\r" in raw:
            raw = raw.replace(b"\r\n", b"\n")
        # Once for all lines: in UTF-8 the byte of a line feed is part of no other character.
        items = raw.decode().split("\n")
        last = items.pop()
        if last:
            items.append(last.removesuffix("\r"))
        return items

    def parse_each(self, raw: bytes) -> list[str | Unreadable]:
        lines = split(raw.replace(b"\r\n", b"\n"))
        if not raw.endswith(b"\n"):
            lines[-1:] = [line.removesuffix(b"\r") for line in lines[-1:]]
        return convert_each(lines, bytes.decode, _unreadable)

    def series(self, items: Sequence[str]) -> pandas.Series:
        """Series of `str`, pandas' own text type where it has one."""
        import pandas

        return pandas.Series(items, dtype="str")


def _unreadable(line: bytes) -> str | Unreadable:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        return Unreadable(
            shortened(line),
            f"is not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start})",
            "Convert the file to UTF-8, or correct the line.",
        )
