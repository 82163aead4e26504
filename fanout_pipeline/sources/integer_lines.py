"""A text file with one integer a line.

Means exactly what `[int(line) for line in file]` means, for integers of any size, and an error
for every line on which that would raise. Lines end in LF or CRLF; the last may lack its end.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from fanout_pipeline.sources.lines import Lines, each, shortened, split
from fanout_pipeline.sources.source import Unreadable

if TYPE_CHECKING:
    import pandas
    import pyarrow

# What both int() and Arrow's parser read alike. Anything else ('+', '_', blanks, CR, other
# scripts' digits, "0x10", which Arrow would take) goes the way of int().
_PLAIN = b"0123456789\n-"
_BLOCK_BYTES = 2**30
"""So much is parsed at a time, at most: Arrow keeps the size in 32 bits."""
_JSON_BYTES = 2**14


@dataclass(frozen=True, slots=True)
class IntegerLines(Lines):
    """The source `path`: integers, one a line, UTF-8."""

    ITEM: ClassVar[str] = "integer"
    SHORTEST: ClassVar[int] = 2
    """A digit and its line's end."""

    def parse(self, raw: bytes, first_index: int) -> Sequence[int]:
        raw = _without_crlf(raw)
        if "pyarrow" in sys.modules:
            plain = self._parse_plain(raw)
            words = None if plain is None else _words(plain)
        else:
            words = self._parse_as_json(raw)
        return self._parse_exact(raw, first_index) if words is None else _Integers(words)

    def parse_each(self, raw: bytes) -> list[int | Unreadable]:
        return _read_each(_without_crlf(raw))

    def parse_batch(self, raw: bytes, first_index: int) -> pandas.Series:
        """Series of int64, or of Python ints (dtype object) where one does not fit in int64."""
        import pandas

        raw = _without_crlf(raw)
        plain = self._parse_plain(raw)
        if plain is not None:
            return pandas.Series(plain.to_numpy(zero_copy_only=False))
        return self.as_batch(self._parse_exact(raw, first_index))

    def as_batch(self, items: Sequence[int]) -> pandas.Series:
        import pandas

        try:
            return pandas.Series(items, dtype="int64")
        except OverflowError:
            return pandas.Series(items, dtype="object")

    def _parse_plain(self, raw: bytes) -> pyarrow.Array | None:
        """Arrow's int64 parser, some 4 times as quick as split and int(); None where it may not be used."""
        if not raw or raw.translate(None, _PLAIN):
            return None
        import pyarrow
        from pyarrow import csv

        block = min(len(raw), _BLOCK_BYTES)
        try:
            # Not read_csv, which is as quick: to be able to stop it puts handlers of signals in the place
            # of Python's, and a signal that comes as it ends is lost, 25 Ctrl-C of 3,000.
            with csv.open_csv(
                pyarrow.BufferReader(raw),
                csv.ReadOptions(use_threads=False, block_size=block, column_names=["item"]),
                csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
                csv.ConvertOptions(column_types={"item": pyarrow.int64()}, null_values=[]),
            ) as reader:
                column = reader.read_all()["item"]
        except pyarrow.ArrowInvalid:
            return None
        if column.null_count or len(column) != self.count(raw):
            return None
        return column.combine_chunks()

    def _parse_as_json(self, raw: bytes) -> memoryview | None:
        """The same for a process that does not have Arrow, whose import takes longer than this saves.

        Twice as quick as split and int(). JSON's integers are int()'s, but for leading zeros, which
        are an error there.
        """
        if not raw or raw.translate(None, _PLAIN):
            return None
        packed = bytearray()
        begin = 0
        try:
            while begin < len(raw):
                # In blocks, so that the integers do not leave the processor's cache.
                end = raw.find(b"\n", begin + _JSON_BYTES) + 1 or len(raw)
                integers = json.loads(
                    b"[" + raw[begin:end].removesuffix(b"\n").replace(b"\n", b",") + b"]"
                )
                packed += struct.pack(f"{len(integers)}q", *integers)
                begin = end
        except (ValueError, struct.error):
            return None
        words = memoryview(packed).cast("q")
        return words if len(words) == self.count(raw) else None

    def _parse_exact(self, raw: bytes, first_index: int) -> list[int]:
        if b"\r" not in raw:  # int() would take a stray CR for a blank.
            with suppress(ValueError):
                return list(map(int, split(raw)))
        items = _read_each(raw)
        if Unreadable in map(type, items):
            raise self.refused(items, first_index)
        return cast("list[int]", items)


def _read_each(raw: bytes) -> list[int | Unreadable]:
    return each(split(raw), int if b"\r" not in raw else _read, _read)


def _read(line: bytes) -> int | Unreadable:
    # int(bytes) knows ASCII only; int(str) is what a text file's lines go through.
    reason = "is not an integer"
    try:
        if b"\r" not in line:
            return int(line.decode())
        reason = "has a carriage return that no line feed follows"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start})"
    except ValueError as error:
        if not line.strip():
            reason = "is blank"
        elif str(error).startswith("Exceeds the limit"):
            reason = "has more digits than Python reads (see sys.set_int_max_str_digits)"
    advice = "Each line must hold one integer; mend the file, or write it anew."
    return Unreadable(shortened(line), reason, advice)


class _Integers(Sequence[int]):
    """Words that become Python integers where they are used, gone before they leave the cache."""

    def __init__(self, words: memoryview):
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, position: Any) -> Any:
        words = self._words[position]
        return words.tolist() if isinstance(position, slice) else words

    def __iter__(self) -> Iterator[int]:
        return iter(self._words.tolist())


def _words(column: pyarrow.Array) -> memoryview:
    # Not column.to_numpy(), which imports pandas: 0.3 s in every worker process.
    words = memoryview(column.buffers()[1]).cast("b").cast("q")
    return words[column.offset :][: len(column)]


def _without_crlf(raw: bytes) -> bytes:
    if b"\r" not in raw:
        return raw
    raw = raw.replace(b"\r\n", b"\n")
    # At the end of the file a CR may end a line, but is none.
    return raw if raw == b"\r" or raw.endswith(b"\n\r") else raw.removesuffix(b"\r")
