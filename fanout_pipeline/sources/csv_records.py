"""The records of CSV, exactly those that Python's `csv` finds: where they begin, and their fields.

Their structure is that of the bytes, decoded as Latin-1: in the encodings that are read, the bytes of quotes,
delimiters and line ends are part of no other character.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout_pipeline.sources.source import BadInput

if TYPE_CHECKING:
    from _csv import Reader

_ROWS = 256
"""Rows that are lists at the same time: few, for the garbage collector looks at each."""


class FieldError(Exception):
    """The `csv` module has given up on a record; what follows it cannot be told."""

    def __init__(self, line: int, reason: str):
        """`line`: how many lines lie before the record."""
        super().__init__(reason)
        self.line = line

    def at(self, path: str, lines: int) -> BadInput:
        """The error of a file, of which so many lines lie before what was read."""
        return BadInput(
            f"The record at line {lines + self.line + 1} of {path} cannot be read: {self}. Close the quote "
            "that it begins with, or, if the field is meant to be so long, call "
            "csv.field_size_limit(…) in the module of the function."
        )


class Dialect(NamedTuple):
    """What separates and encloses fields."""

    delimiter: str
    quotechar: str | None
    encoding: str

    @property
    def of_bytes(self) -> Dialect:
        """The same for bytes that are decoded as Latin-1. Raises ValueError where there is none."""
        quote = self.quotechar and _one_byte(self.quotechar, self.encoding, "quotechar")
        delimiter = _one_byte(self.delimiter, self.encoding, "delimiter")
        return Dialect(delimiter, quote, "latin-1")

    def reader(self, lines: Iterable[str]) -> Reader:
        if self.quotechar is None:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quotechar)

    def lines(self, raw: bytes) -> Iterable[str]:
        """As those of `open(newline="")`: ended by LF, CR or CRLF."""
        return io.TextIOWrapper(io.BytesIO(raw), self.encoding, newline="")


class Found(NamedTuple):
    """Records in a piece of a file."""

    starts: list[int]
    """The position in the piece at which each begins. Blank lines are no records."""
    lines: list[int]
    """How many lines lie before each."""
    stop: int
    """Where the first that is not complete begins, else the end of the piece."""
    line: int
    """How many lines lie before that."""


def find(raw: bytes, dialect: Dialect, *, is_whole: bool = True) -> Found:
    """The records of a piece, which begins where a record does and ends, if it `is_whole`, where one does."""
    bytewise = dialect.of_bytes
    lines = list(bytewise.lines(raw))
    if not is_whole and lines and not lines[-1].endswith("\n"):
        lines.pop()  # it may go on, if only with the LF of a CRLF
    # Where a record is not complete, one more line becomes part of it.
    reader = bytewise.reader(lines if is_whole else [*lines, "x"])
    rows: list[tuple[int, bool]] = []
    try:
        rows.extend((reader.line_num, bool(row)) for row in reader)
    except csv.Error as error:
        raise FieldError(rows[-1][0] if rows else 0, str(error)) from None
    firsts = [0, *(line for line, _ in rows)]
    if not is_whole:
        rows.pop()
    offsets = [0, *accumulate(map(len, lines))]
    filled = [first for first, (_, is_filled) in zip(firsts, rows, strict=False) if is_filled]
    line = firsts[len(rows)]
    return Found([offsets[first] for first in filled], filled, offsets[line], line)


def is_plain(raw: bytes, dialect: Dialect) -> bool:
    """Whether each LF ends a record, and nothing else does."""
    quote = dialect.of_bytes.quotechar
    return (
        not (quote and quote.encode("latin-1") in raw)
        and raw[:1] not in (b"\n", b"\r")
        and b"\n\n" not in raw
        and (b"\r" not in raw or (b"\n\r" not in raw and raw.count(b"\r") == raw.count(b"\r\n")))
    )


def first_record(raw: bytes, position: int, dialect: Dialect) -> tuple[int, int]:
    """Where in whole records the first begins at `position` or after it, and how many begin before that."""
    if position <= 0:
        return 0, 0
    end = raw.find(b"\n", position - 1) + 1 or len(raw)
    head = raw[:end]
    if is_plain(head, dialect):
        return end, head.count(b"\n") + (not head.endswith(b"\n"))
    starts = find(raw, dialect).starts
    number = bisect_left(starts, position)
    return (starts[number] if number < len(starts) else len(raw)), number


class Block(NamedTuple):
    """Some records, few enough to be still in a core's cache."""

    first: int
    """The position of the first among all."""
    rows: list[Any]
    """What is read of each record: a tuple, or a value; None for a missing field."""
    too_many: dict[int, int]
    """The numbers of fields of the records that have more than there are columns, by their positions."""
    is_short: bool
    """Whether a field is missing."""


def blocks(records: Iterable[list[str]], width: int, pick: Callable[[Any], Any]) -> Iterator[Block]:
    """What `pick` takes of each record, once that has `width` fields."""
    records, first = iter(records), 0
    while rows := list(islice(records, _ROWS)):
        too_many: dict[int, int] = {}
        is_short = False
        if set(map(len, rows)) != {width}:
            for number, row in enumerate(rows):
                if len(row) > width:
                    too_many[first + number] = len(row)
                is_short = is_short or len(row) < width
                missing: list[Any] = [None] * (width - len(row))
                rows[number] = [*row, *missing][:width]
        yield Block(first, list(map(pick, rows)), too_many, is_short)
        first += len(rows)


def plain_lines(raw: bytes, dialect: Dialect, width: int) -> list[str] | None:
    """Lines that can be split at their delimiters into `width` fields, which is faster than `csv`; else None.

    Raises UnicodeDecodeError.
    """
    quote = dialect.of_bytes.quotechar
    if quote and quote.encode("latin-1") in raw:
        return None
    text = raw.decode(dialect.encoding)
    lines = text.split("\r\n" if "\r" in text else "\n")
    if "\r" in text and not text.count("\r") == text.count("\n") == len(lines) - 1:
        return None
    if not lines[-1]:
        lines.pop()
    if width == 1 and "" in lines:
        return None
    delimiters = set(map(str.count, lines, repeat(dialect.delimiter)))
    return lines if delimiters == {width - 1} else None


def _one_byte(character: str, encoding: str, name: str) -> str:
    byte = character.encode(encoding)
    if len(byte) != 1:
        raise ValueError(
            f"{name} must be one byte in the file's encoding: {character!a} is {len(byte)} in {encoding}"
        )
    return byte.decode("latin-1")


def require_readable(dialect: Dialect) -> None:
    """Raises ValueError for what cannot be cut: an encoding whose ASCII bytes may mean something else."""
    for name, character in (("delimiter", dialect.delimiter), ("quotechar", dialect.quotechar)):
        if character is not None and (len(character) != 1 or character in "\r\n"):
            raise ValueError(f"{name} must be one character, and no line end, not {character!a}")
    if dialect.delimiter == dialect.quotechar:
        raise ValueError(f"delimiter and quotechar are both {dialect.delimiter!a}")
    ascii_bytes = bytes(range(128))
    try:
        is_ascii = ascii_bytes.decode(dialect.encoding) == ascii_bytes.decode("ascii")
    except LookupError:
        raise ValueError(
            f"encoding {dialect.encoding!r} is none that Python knows, such as utf-8 or cp1252"
        ) from None
    except UnicodeDecodeError:
        is_ascii = False
    # Some write other characters with bytes of ASCII, too.
    others = (other.encode(dialect.encoding, "ignore") for other in "é中かя가")
    is_ascii = is_ascii and not any(other and other.isascii() for other in others)
    if not is_ascii:
        raise ValueError(
            f"Csv cannot cut files in {dialect.encoding}: convert them to UTF-8 first "
            f"(iconv -f {dialect.encoding} -t UTF-8 …)"
        )
    for character in dialect.of_bytes[:2]:
        if character is not None and not _stands_alone(character, dialect.encoding):
            raise ValueError(
                f"In {dialect.encoding} the byte of {character!a} may be part of another character: "
                "convert the file to UTF-8 first"
            )


def _stands_alone(character: str, encoding: str) -> bool:
    """Whether its byte is a character of its own after any other byte."""
    byte = character.encode("latin-1")
    alone = byte.decode(encoding)
    leads = (bytes([lead]) for lead in range(0x80, 0x100))
    return all((lead + byte).decode(encoding, "replace").endswith(alone) for lead in leads)
