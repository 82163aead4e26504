"""The header of a CSV file: its names, and where the first record after it begins."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.csv_records import Dialect, FieldError, find
from fanout_pipeline.sources.one_file import first_line
from fanout_pipeline.sources.raw_lines import shortened
from fanout_pipeline.sources.source import BadInput

_READ_BYTES = 8192


class Header(NamedTuple):
    """What comes before the records of a file."""

    names: tuple[str, ...]
    """Empty where there is none."""
    end: int
    """The offset at which the records begin."""
    lines: int
    """How many lines lie before them."""


def header_of(file: BinaryIO, size: int, dialect: Dialect, *, is_named: bool) -> Header:
    """What comes before the records; without a record with the names, only a byte order mark. Raises BadInput."""
    is_utf8 = codecs.lookup(dialect.encoding).name == "utf-8"
    begin = first_line(file, "CSV records") if is_utf8 else 0
    if not is_named:
        return Header((), begin, 0)
    file.seek(begin)
    raw, wanted = b"", _READ_BYTES
    while True:
        raw += (read := file.read(min(wanted, size - begin - len(raw))))
        is_whole = not read or begin + len(raw) >= size
        wanted = len(raw)
        try:
            found = find(raw, dialect, is_whole=is_whole)
        except FieldError as error:
            raise error.at(file.name, 0) from None
        if found.starts or is_whole:
            break
    if not found.starts:
        return Header((), begin + found.stop, found.line)
    ends = (*zip(found.starts[1:2], found.lines[1:2], strict=True), (found.stop, found.line))
    end, lines = ends[0]
    return Header(_names(raw[:end], dialect, file.name), begin + end, lines)


def _names(raw: bytes, dialect: Dialect, path: str) -> tuple[str, ...]:
    try:
        names = next(filter(None, dialect.reader(dialect.lines(raw))))
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The header of {path} is not {error.encoding}: {shortened(raw)}. Give the file's encoding "
            "(encoding=…), or convert the file."
        ) from error
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(
            f"{path} has more than one column {twice!r}: {', '.join(map(repr, names))}. Give each a name of "
            "its own, in the file or, if that is no header, with header=(…)."
        )
    return tuple(names)


def require_same(
    names: tuple[str, ...], path: str, first: tuple[str, ...], first_path: str
) -> None:
    """Raises BadInput where the columns of a file are not those of the first, in their order."""
    if names == first:
        return
    more = [name for name in names if name not in first]
    missing = [name for name in first if name not in names]
    differences = [
        *([f"it has {', '.join(map(repr, more))} besides"] if more else []),
        *([f"it lacks {', '.join(map(repr, missing))}"] if missing else []),
    ]
    told = " and ".join(differences) or (
        f"they are in another order: {', '.join(map(repr, names))}, and not "
        f"{', '.join(map(repr, first))}"
    )
    raise BadInput(
        f"{path} has other columns than {first_path}: {told}. Give all files the same header, or make "
        "them sources of their own."
    )


def require_names(asked: Sequence[str], names: Sequence[str], source: str) -> None:
    """Raises BadInput where a column is not there."""
    for name in asked:
        if name not in names:
            raise BadInput(f"{source} has no column {name!r}. {nearest(name, names)}")
