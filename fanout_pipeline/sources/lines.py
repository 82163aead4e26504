"""What every format with one item a line has in common: where lines begin and end, and whose they are.

Lines end in LF or CRLF; the last may lack its end. A chunk owns the lines that begin in its range, so
an input is cut by its size alone.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

from fanout_pipeline.sources.source import BadInput, Chunk, Fingerprint, Stamp

_BLOCK = 4096
_HEAD_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Lines:
    """A text file `path`. Formats add how the items of a chunk are read: `parse`, `parse_batch`."""

    path: str

    ITEM: ClassVar[str] = "line"
    """What messages call an item."""
    SHORTEST: ClassVar[int] = 1
    """Bytes of the shortest item with its line's end."""

    def under(self, root: Path) -> Self:
        return replace(self, path=str(root / self.path))

    def fingerprint(self) -> Fingerprint:
        import hashlib  # OpenSSL: workers do without

        self.size()
        try:
            with open(self.path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Fingerprint(self.path, file.tell(), digest)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def stamp(self) -> Stamp:
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)

    def size(self) -> int:
        path = Path(self.path)
        try:
            if path.is_dir():
                raise BadInput(
                    f"{path} is a folder, not a file of {self.ITEM}s. Remove it, then materialize "
                    "the asset that writes the file."
                )
            return path.stat().st_size
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def cut(self, chunks: int) -> tuple[Chunk, ...]:
        size = self.size()
        # More chunks than there can be items would be empty.
        chunks = max(1, min(chunks, -(-size // self.SHORTEST)))
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
        return raw.count(b"\n") + (raw != b"" and not raw.endswith(b"\n"))

    def rest(self, chunk: Chunk, raw: bytes, items: int) -> Chunk:
        length = len(raw) - len(raw.split(b"\n", items)[-1])
        try:
            with open(self.path, "rb") as file:
                begin = _line_at(file, chunk.start)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if begin < chunk.start:
            raise BadInput(
                f"{self.path} ends before what was read of it: it has changed. Run again."
            )
        return replace(chunk, start=begin + length)

    def head(self, items: int, path: Path) -> Self:
        self.size()
        left = items
        try:
            with open(self.path, "rb") as file, open(path, "wb", opener=_no_link) as out:
                while left:
                    lines = list(islice(file, min(left, _HEAD_LINES)))
                    if not lines:
                        if not file.tell():
                            raise BadInput(
                                f"{self.path} is empty: there are no {items:,} items to be had "
                                f"from it. Write at least one {self.ITEM} to it."
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


def shortened(line: bytes, limit: int = 40) -> str:
    """A line as messages show it: ASCII, its beginning where it is long."""
    text = line[: limit + 1].decode(errors="backslashreplace")
    return ascii(text) if len(line) <= limit else f"{text[:limit]!a}… ({len(line):,} bytes)"


def _no_link(path: str, flags: int) -> int:
    """How a file is opened that may not be a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


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


def _unreadable(path: str, error: OSError) -> BadInput:
    if isinstance(error, FileNotFoundError):
        advice = "Materialize the asset that writes it, or set the data root (FANOUT_DATA)."
    elif isinstance(error, PermissionError):
        advice = "Give the user that runs Dagster the right to read it."
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        advice = "Raise the limit of open files (ulimit -n), or use fewer workers."
    else:
        advice = "Check the disk and the path."
    return BadInput(f"Cannot read {path}: {error.strerror or error}. {advice}")
