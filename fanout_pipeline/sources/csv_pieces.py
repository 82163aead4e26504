"""Whole records of one file, parsed and converted; those for which that fails are told apart."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from fanout_pipeline.sources.csv_records import (
    Block,
    Dialect,
    FieldError,
    blocks,
    find,
    plain_lines,
)
from fanout_pipeline.sources.csv_table import Convert, Layout, Table
from fanout_pipeline.sources.raw_lines import shortened
from fanout_pipeline.sources.source import Unreadable


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of one file."""

    raw: bytes
    offset: int
    """Where in the source they begin."""
    path: str
    lines: Callable[[], int]
    """How many lines of the file lie before them."""


def table(piece: Piece, layout: Layout) -> Table:
    """The rows of a piece. Raises BadInput where `csv` finds no end of a record."""
    dialect, width = layout.dialect, len(layout.header)
    conversions = [
        (n, layout.types[name]) for n, name in enumerate(layout.names) if name in layout.types
    ]
    if not piece.raw:
        return Table(layout, [], {})
    try:
        try:
            lines = plain_lines(piece.raw, dialect, width)
            if lines is not None and not conversions:
                return Table(layout, lines, {}, _splitting(dialect.delimiter, layout.pick))
            if lines is not None:
                return _table(
                    map(str.split, lines, repeat(dialect.delimiter)), piece, layout, conversions
                )
            return _table(dialect.reader(dialect.lines(piece.raw)), piece, layout, conversions)
        except UnicodeDecodeError:
            decode, bytewise = _decoding(dialect.encoding), dialect.of_bytes
            conversions = [*((n, decode) for n in range(len(layout.names))), *conversions]
            return _table(bytewise.reader(bytewise.lines(piece.raw)), piece, layout, conversions)
    except csv.Error:
        raise _error(piece, dialect) from None


def _table(
    records: Iterable[list[str]],
    piece: Piece,
    layout: Layout,
    conversions: Sequence[tuple[int, Convert]],
) -> Table:
    odd: dict[int, tuple[str, str]] = {}
    rows: list[Any] = []
    columns: list[list[Any]] = [[] for _ in layout.names]
    for block in blocks(filter(None, records), len(layout.header), layout.pick):
        odd |= {
            row: _too_many(number, len(layout.header)) for row, number in block.too_many.items()
        }
        if not conversions:
            rows += block.rows
            continue
        for number, values in enumerate(_converted(block, layout, conversions, odd)):
            columns[number].extend(values)
    unreadable = _unreadable(piece, layout.dialect, odd) if odd else {}
    if not conversions:
        return Table(layout, rows, unreadable)
    if layout.is_plain:
        return Table(layout, columns[0], unreadable)
    return Table(layout, range(len(columns[0])), unreadable, _zipping(columns))


def _too_many(fields: int, width: int) -> tuple[str, str]:
    columns = "1 column" if width == 1 else f"{width} columns"
    return (
        f"has {fields} fields, for {columns}",
        "Enclose a field that contains the delimiter in quotes, or correct the record.",
    )


def _zipping(columns: Sequence[Sequence[Any]]) -> Callable[[Any], Iterator[Any]]:
    """Makes rows from columns, by their numbers. The garbage collector would look at each of many tuples."""

    def rows(numbers: range) -> Iterator[Any]:
        if numbers.step == 1:
            return zip(*(column[numbers.start : numbers.stop] for column in columns), strict=True)
        return zip(*(map(column.__getitem__, numbers) for column in columns), strict=True)

    return rows


def _splitting(
    delimiter: str, pick: Callable[[Any], Any]
) -> Callable[[Iterable[str]], Iterator[Any]]:
    def split(lines: Iterable[str]) -> Iterator[Any]:
        rows = map(str.split, lines, repeat(delimiter))
        return rows if pick is tuple else map(pick, rows)

    return split


def _error(piece: Piece, dialect: Dialect) -> Exception:
    try:
        find(piece.raw, dialect)
    except FieldError as error:
        return error.at(piece.path, piece.lines())
    return AssertionError(f"csv reads bytes of {piece.path} that it does not read as text")


def _decoding(encoding: str) -> Convert:
    def decode(text: str) -> str:
        return text.encode("latin-1").decode(encoding)

    return decode


def _converted(
    block: Block,
    layout: Layout,
    conversions: Sequence[tuple[int, Convert]],
    odd: dict[int, tuple[str, str]],
) -> list[Sequence[Any]]:
    """The columns of some rows, converted; notes in `odd` where that fails."""
    columns: list[Sequence[Any]] = [block.rows]
    if not layout.is_plain:
        columns = list(zip(*block.rows, strict=True))
    odd_before = len(odd) - len(block.too_many)
    for number, convert in conversions:
        column = columns[number]
        skips = block.is_short or len(odd) > odd_before
        try:
            converted = [] if skips else list(map(convert, column))
        except Exception:
            converted = []  # which it was is found below
        if len(converted) < len(column):
            converted = _convert_each(column, convert, layout.names[number], block.first, odd)
        columns[number] = converted
    return columns


def _convert_each(
    column: Sequence[Any], convert: Convert, name: str, first: int, odd: dict[int, tuple[str, str]]
) -> list[Any]:
    """As far as fields are there and can be converted. `first`: the position of the first."""
    converted = list(column)
    for number, text in enumerate(column):
        if text is None or first + number in odd:
            continue
        try:
            converted[number] = convert(text)
        except Exception as error:
            odd[first + number] = _reason(text, name, convert, error)
    return converted


def _reason(text: str, name: str, convert: Convert, error: Exception) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):
        byte = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        return (
            f"is not {error.encoding} in the column {name!a} ({byte})",
            "Give the file's encoding (encoding=…), or correct the record.",
        )
    called = getattr(convert, "__qualname__", repr(convert))
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    field = shortened(text.encode(errors="surrogateescape"))
    return (
        f"has {field} in the column {name!a}, which {called} refuses ({told[:100]})",
        f"Correct the record, or give types a function that converts such a {name!a}.",
    )


def _unreadable(
    piece: Piece, dialect: Dialect, odd: Mapping[int, tuple[str, str]]
) -> dict[int, Unreadable]:
    starts = [*find(piece.raw, dialect).starts, len(piece.raw)]
    return {
        row: Unreadable(
            shortened(piece.raw[starts[row] : starts[row + 1]].rstrip(b"\r\n")), *odd[row]
        )
        for row in sorted(odd)
    }
