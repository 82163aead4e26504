"""Whole records of one file, parsed and converted; those for which that fails are told apart."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from fanout_pipeline.sources.csv_records import Dialect, FieldError, fields, find, plain_lines
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
    if not piece.raw:
        return Table(layout, [], {})
    dialect, width, pick = layout.dialect, len(layout.header), layout.pick
    conversions = [
        (n, layout.types[name]) for n, name in enumerate(layout.names) if name in layout.types
    ]
    odd: dict[int, tuple[str, str]] = {}
    try:
        try:
            if not conversions and (lines := plain_lines(piece.raw, dialect, width)) is not None:
                return Table(layout, lines, {}, _splitting(dialect.delimiter, pick))
            found = fields(piece.raw, dialect, width, pick)
        except UnicodeDecodeError:
            found = fields(piece.raw, dialect.of_bytes, width, pick)
            decode = _decoding(dialect.encoding)
            decoding = [(n, decode) for n in range(len(layout.names))]
            found = found._replace(rows=_converted(found.rows, layout, decoding, True, odd))
    except csv.Error:
        raise _error(piece, dialect) from None
    for row, number in found.too_many.items():
        columns = "1 column" if width == 1 else f"{width} columns"
        odd[row] = (
            f"has {number} fields, for {columns}",
            "Enclose a field that contains the delimiter in quotes, or correct the record.",
        )
    rows = _converted(found.rows, layout, conversions, found.is_short or bool(odd), odd)
    return Table(layout, rows, _unreadable(piece, dialect, odd) if odd else {})


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
    rows: list[Any],
    layout: Layout,
    conversions: Sequence[tuple[int, Convert]],
    skips: bool,
    odd: dict[int, tuple[str, str]],
) -> list[Any]:
    """The rows with columns converted, noting where that fails. `skips`: some fields are to be left as they are."""
    if not conversions or not rows:
        return rows
    columns: list[Sequence[Any]] = [rows] if layout.is_plain else list(zip(*rows, strict=True))
    for number, convert in conversions:
        columns[number] = _convert(columns[number], convert, layout.names[number], skips, odd)
        skips = skips or bool(odd)
    return list(columns[0]) if layout.is_plain else list(zip(*columns, strict=True))


def _convert(
    column: Sequence[Any], convert: Convert, name: str, skips: bool, odd: dict[int, tuple[str, str]]
) -> list[Any]:
    if not skips:
        try:
            converted = list(map(convert, column))
        except Exception:
            converted = []  # which it was is found below
        if len(converted) == len(column):
            return converted
    converted = list(column)
    for row, text in enumerate(column):
        if text is None or row in odd:
            continue
        try:
            converted[row] = convert(text)
        except Exception as error:
            odd[row] = _reason(text, name, convert, error)
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
