"""A text file with one integer a line.

Means exactly what `[int(line) for line in file]` means, for integers of any size; a line on which that
would raise cannot be read. Lines end in LF or CRLF; the last may lack its end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fanout_pipeline.sources.lines import Lines
from fanout_pipeline.sources.raw_lines import convert_each, count, shortened, split
from fanout_pipeline.sources.source import Unreadable

if TYPE_CHECKING:
    import pandas

_PLAIN = b"0123456789\n-"
"""Characters that int() and Arrow's parser read alike. Lines with any other ('+', '_', blanks, CR, digits of
other scripts, "0x10", which Arrow would take) are left to int()."""
_BLOCK_BYTES = 2**30
"""The most that Arrow parses at a time: it keeps the size in 32 bits."""


@dataclass(frozen=True, slots=True)
class IntegerLines(Lines):
    """The source `path`, a file, folder or glob: integers, one a line, UTF-8."""

    ITEM_NAME: ClassVar[str] = "integer"
    MIN_ITEM_BYTES: ClassVar[int] = 2
    """A digit and its line end."""

    def parse(self, raw: bytes) -> Sequence[int]:
        raw = _without_crlf(raw)
        if raw and not raw.translate(None, _PLAIN):
            parse_plain = _parse_with_arrow if "pyarrow" in sys.modules else _parse_as_json
            integers = parse_plain(raw)
            if integers is not None and len(integers) == count(raw):
                return integers
        # int() would take a stray CR for a blank.
        if b"\r" in raw:
            raise ValueError("a carriage return within a line")
        return list(map(int, split(raw)))

    def parse_each(self, raw: bytes) -> list[int | Unreadable]:
        raw = _without_crlf(raw)
        return convert_each(split(raw), int if b"\r" not in raw else _read, _read)

    def series(self, items: Sequence[int]) -> pandas.Series:
        """Series of int64, or of Python ints (dtype object) where one does not fit in int64."""
        import numpy
        import pandas

        if isinstance(items, Integers):
            return pandas.Series(numpy.asarray(items.words))
        try:
            return pandas.Series(items, dtype="int64")
        except OverflowError:
            return pandas.Series(items, dtype="object")


def _parse_with_arrow(raw: bytes) -> Integers | None:
    """Four times as fast as split and int(). None where a line is none of 64 bits."""
    import pyarrow
    from pyarrow import csv

    try:
        # Not read_csv, which is as fast: to be interruptible it replaces Python's signal handlers, and a
        # signal that comes as it ends is lost (25 Ctrl-C of 3,000).
        with csv.open_csv(
            pyarrow.BufferReader(raw),
            csv.ReadOptions(
                use_threads=False,
                block_size=min(len(raw), _BLOCK_BYTES),
                column_names=["item"],
            ),
            csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types={"item": pyarrow.int64()}, null_values=[]),
        ) as reader:
            column = reader.read_all()["item"].combine_chunks()
    except pyarrow.ArrowInvalid:
        return None
    if column.null_count:
        return None
    # Not column.to_numpy(), which imports pandas: 0.3 s in every worker process.
    words = memoryview(column.buffers()[1]).cast("b").cast("q")
    return Integers(words[column.offset :][: len(column)])


def _parse_as_json(raw: bytes) -> list[int] | None:
    """For a process that has not imported Arrow, which would take longer than it saves.

    Faster than split and int(). JSON's integers are those of int(), except that leading zeros are an error.
    """
    with suppress(ValueError):
        integers: list[int] = json.loads(b"[%b]" % raw.removesuffix(b"\n").replace(b"\n", b","))
        return integers
    return None


def _read(line: bytes) -> int | Unreadable:
    # int(bytes) reads ASCII only; int(str) is what the lines of a text file go through.
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
    advice = "Each line must hold one integer. Correct the file."
    return Unreadable(shortened(line), reason, advice)


class Integers(Sequence[int]):
    """Integers in 64-bit words, made Python objects slice by slice: those stay in the processor's cache."""

    def __init__(self, words: memoryview):
        self.words = words

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, position: Any) -> Any:
        words = self.words[position]
        return words.tolist() if isinstance(position, slice) else words

    def __iter__(self) -> Iterator[int]:
        return iter(self.words.tolist())


def _without_crlf(raw: bytes) -> bytes:
    if b"\r" not in raw:
        return raw
    raw = raw.replace(b"\r\n", b"\n")
    # At the end of the file a CR may end a line, but is none.
    return raw if raw == b"\r" or raw.endswith(b"\n\r") else raw.removesuffix(b"\r")
