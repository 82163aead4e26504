"""A text file with one integer a line.

Means exactly what `[int(line) for line in file]` means, for integers of any size, and an error
for every line on which that would raise. Lines end in LF or CRLF; the last may lack its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from fanout_pipeline.sources.source import BadInput, Chunk, Fingerprint

if TYPE_CHECKING:
    import numpy
    import pandas

_BLOCK = 4096
_HEAD_LINES = 10_000


@dataclass(frozen=True, slots=True)
class IntegerLines:
    """The source `path`: integers, one a line, UTF-8."""

    path: str

    def under(self, root: Path) -> Self:
        return replace(self, path=str(root / self.path))

    def fingerprint(self) -> Fingerprint:
        self.size()
        try:
            with open(self.path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Fingerprint(self.path, file.tell(), digest)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def size(self) -> int:
        path = Path(self.path)
        try:
            if path.is_dir():
                raise BadInput(
                    f"{path} is a folder, not a file of integers. Remove it, then materialize "
                    "the asset that writes the file."
                )
            return path.stat().st_size
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def cut(self, chunks: int) -> tuple[Chunk, ...]:
        size = self.size()
        # An item is at least a digit and its line end: more chunks than that would be empty.
        chunks = max(1, min(chunks, (size + 1) // 2))
        edges = [size * number // chunks for number in range(chunks + 1)]
        return tuple(Chunk(n, edges[n], edges[n + 1]) for n in range(chunks))

    def load(self, chunk: Chunk) -> bytes:
        """Read from the first line that begins in the range to the first that begins after it."""
        try:
            with open(self.path, "rb") as file:
                begin, end = _line_at(file, chunk.start), _line_at(file, chunk.stop)
                file.seek(begin)
                return file.read(end - begin)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def count(self, raw: bytes) -> int:
        # Here, and not above: cutting and naming a file needs no NumPy, which takes 0.1 s to import.
        from fanout_pipeline.sources.decimal_lines import count_lines

        return count_lines(raw) + (raw != b"" and not raw.endswith(b"\n"))

    def parse(self, raw: bytes, first_index: int) -> Sequence[int]:
        raw = _without_crlf(raw)
        plain = self._parse_plain(raw)
        return self._parse_exact(raw, first_index) if plain is None else _Integers(plain)

    def parse_batch(self, raw: bytes, first_index: int) -> pandas.Series:
        """Series of int64, or of Python ints (dtype object) where one does not fit in int64."""
        import pandas

        raw = _without_crlf(raw)
        plain = self._parse_plain(raw)
        if plain is not None:
            return pandas.Series(plain, copy=False)
        items = self._parse_exact(raw, first_index)
        try:
            return pandas.Series(items, dtype="int64")
        except OverflowError:
            return pandas.Series(items, dtype="object")

    def head(self, items: int, path: Path) -> Self:
        self.size()
        left = items
        try:
            with open(self.path, "rb") as file, open(path, "wb") as out:
                while left:
                    lines = list(islice(file, min(left, _HEAD_LINES)))
                    if not lines:
                        if not file.tell():
                            raise BadInput(
                                f"{self.path} is empty: there are no {items:,} items to be had "
                                "from it. Write at least one integer to it."
                            )
                        file.seek(0)
                        continue
                    if not lines[-1].endswith(b"\n"):
                        lines[-1] += b"\n"
                    out.writelines(lines)
                    left -= len(lines)
        except OSError as error:
            raise _unreadable(str(error.filename or self.path), error) from error
        return replace(self, path=str(path))

    def where(self, index: int) -> str:
        return f"line {index + 1} of {self.path}"

    def _parse_plain(self, raw: bytes) -> numpy.ndarray | None:
        """Int64, ten times as quick as split and int(); None where not all lines are plain digits.

        Anything else that int() reads ('+', '_', blanks, other scripts' digits) is left to it.
        """
        from fanout_pipeline.sources.decimal_lines import parse_lines

        return parse_lines(raw if raw.endswith(b"\n") else raw + b"\n") if raw else None

    def _parse_exact(self, raw: bytes, first_index: int) -> list[int]:
        lines = raw.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        try:
            # int() would take a stray CR for a blank.
            if b"\r" not in raw:
                return list(map(int, lines))
            return [self._parse_line(line, first_index + n) for n, line in enumerate(lines)]
        except ValueError:
            return [self._parse_line(line, first_index + n) for n, line in enumerate(lines)]

    def _parse_line(self, line: bytes, index: int) -> int:
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
        raise BadInput(
            f"{self.where(index)} {reason}: {_shortened(line)}. "
            "Each line must hold one integer; mend the file, or write it anew."
        ) from None


class _Integers(Sequence[int]):
    """Words that become Python integers where they are used, and are gone before they leave the cache."""

    def __init__(self, words: numpy.ndarray):
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, position: Any) -> Any:
        return self._words[position].tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self._words.tolist())


def _line_at(file: BinaryIO, offset: int) -> int:
    """Where the first line begins that begins at `offset` or after it; else where the file ends."""
    if offset == 0:
        return 0
    # Is the byte before it the end of a line?
    position = file.seek(offset - 1)
    while block := file.read(_BLOCK):
        line_end = block.find(b"\n")
        if line_end >= 0:
            return position + line_end + 1
        position += len(block)
    return position


def _without_crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").removesuffix(b"\r") if b"\r" in raw else raw


def _shortened(line: bytes, limit: int = 40) -> str:
    text = line[: limit + 1].decode(errors="backslashreplace")
    return ascii(text) if len(line) <= limit else f"{text[:limit]!a}… ({len(line):,} bytes)"


def _unreadable(path: str, error: OSError) -> BadInput:
    if isinstance(error, FileNotFoundError):
        advice = "Materialize the asset that writes it, or set the data root (FANOUT_DATA)."
    elif isinstance(error, PermissionError):
        advice = "Give the user that runs Dagster the right to read it."
    else:
        advice = "Check the disk and the path."
    return BadInput(f"Cannot read {path}: {error.strerror or error}. {advice}")
