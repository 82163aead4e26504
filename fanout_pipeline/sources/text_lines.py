"""A text file with one item a line: the line itself, without its end.

Means what `text.split("\\n")` means, the CR of a CRLF taken off. Nothing but LF ends a line: neither a
lone CR nor what `str.splitlines` splits at besides (VT, FF, FS, GS, RS, NEL, U+2028, U+2029). A byte
order mark is part of the first line, as it is for Python's "utf-8".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout_pipeline.sources.lines import Lines, shortened
from fanout_pipeline.sources.source import BadInput

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class TextLines(Lines):
    """The source `path`: text, one item a line, UTF-8. An empty line is an item."""

    def parse(self, raw: bytes, first_index: int) -> list[str]:
        if b"\r" in raw:
            raw = raw.replace(b"\r\n", b"\n")
        try:
            # Once for all lines: a newline's byte is part of no other character in UTF-8.
            items = raw.decode().split("\n")
        except UnicodeDecodeError as error:
            raise self._not_text(raw, error, first_index) from None
        last = items.pop()
        if last:
            items.append(last.removesuffix("\r"))
        return items

    def parse_batch(self, raw: bytes, first_index: int) -> pandas.Series:
        """Series of `str`, pandas' own text type where it has one."""
        import pandas

        return pandas.Series(self.parse(raw, first_index), dtype="str")

    def _not_text(self, raw: bytes, error: UnicodeDecodeError, first_index: int) -> BadInput:
        begin = raw.rfind(b"\n", 0, error.start) + 1
        end = raw.find(b"\n", error.start)
        line = raw[begin : end if end >= 0 else len(raw)]
        where = self.where(first_index + raw.count(b"\n", 0, begin))
        return BadInput(
            f"{where} is not UTF-8 (byte 0x{raw[error.start]:02x} at position "
            f"{error.start - begin}): {shortened(line)}. Convert the file to UTF-8, or mend the line."
        )
