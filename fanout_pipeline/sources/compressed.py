"""Compressed text files: decompressed into a spool, of which the lines that have arrived are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from fanout_pipeline.sources.files import cannot_read
from fanout_pipeline.sources.line_items import LineFormat, LineItems
from fanout_pipeline.sources.one_file import first_line
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.reading import Reading, version_of

CODECS = {".gz": "gzip", ".zst": "zstd"}
_BLOCK_BYTES = 2**20


def is_compressed(path: str) -> bool:
    """Whether the name of a file says so."""
    return path.endswith(tuple(CODECS))


@dataclass(frozen=True, slots=True)
class SpooledLines(Source):
    """What has arrived of the lines of some files, one after the other. The unit is the byte."""

    files: Files = field(repr=False)
    format: LineFormat
    """How lines are parsed: the source that is spooled."""
    paths: tuple[str, ...]
    """The files that the lines come from."""

    CHUNK_SIZE = 2 * 2**20

    def version(self) -> Version:
        return version_of(self.files)

    def read(self, chunk: Chunk) -> Items:
        with Reading(self.files) as reading:
            begin = _line_at(reading, chunk.start)
            raw = reading.data(begin, _line_at(reading, chunk.stop))
        return LineItems(self, chunk, [(begin, raw)])

    def lines_before(self, offset: int) -> int:
        with Reading(self.files) as reading:
            before = reading.index[reading.index.group_at(offset) - 1]
            # That of the line that begins at the offset does not count.
            within = reading.data(before.size, max(before.size, offset - 1))
            begun = within.count(b"\n") + (offset > before.size)
            return before.items + begun

    def locate(self, index: int) -> str:
        with Reading(self.files) as reading:
            part = reading.index[reading.index.group_of(index)].part
            before = reading.index[reading.index.first_of_part(part) - 1].items
        return f"line {index - before + 1} of {self.paths[part]}"

    def __str__(self) -> str:
        return str(self.format)


def _line_at(reading: Reading, offset: int) -> int:
    """Where the first line begins that begins at `offset` or after it; else where all ends."""
    end = reading.index.last.size
    if offset in (0, end):
        return offset
    position = offset - 1
    while position < end:
        block = reading.data(position, min(end, position + 4096))
        line_end = block.find(b"\n")
        if line_end >= 0:
            return position + line_end + 1
        position += len(block)
    return end


class LineFeed(Feed):
    """Feeds the lines of files some of which are compressed."""

    def __init__(self, source: Any, files: Sequence[tuple[str, int]], items: str):
        """`files`: their paths and sizes in bytes. `items`: what messages call lines."""
        self._source = source
        self._files = files
        self._items = items
        self._opened: Any = None
        self._sizes_before = 0

    def reader(self, files: Files) -> Source:
        return SpooledLines(files, self._source, tuple(path for path, _ in self._files))

    def groups(self) -> Iterator[Group]:
        last = len(self._files) - 1
        for number, (path, size) in enumerate(self._files):
            yield from self._of_file(path, number, number == last)
            self._opened = None
            self._sizes_before += size

    def _of_file(self, path: str, number: int, is_last: bool) -> Iterator[Group]:
        begun: list[bytes] = []
        for block in self._blocks(path):
            end = block.rfind(b"\n") + 1
            if not end:
                begun.append(block)
                continue
            whole = b"".join([*begun, block[:end]])
            yield Group(whole, len(whole), whole.count(b"\n"), part=number)
            begun = [block[end:]]
        if rest := b"".join(begun):
            if not is_last:
                rest += b"\n"
            yield Group(rest, len(rest), 1, is_open=is_last, part=number)

    def _blocks(self, path: str) -> Iterator[bytes]:
        """A file decompressed, without a mark at its beginning. Raises BadInput."""
        import pyarrow

        codec = CODECS.get(os.path.splitext(path)[1])
        read = 0
        try:
            with pyarrow.OSFile(path) as file:
                self._opened = file
                if not os.path.getsize(path):
                    return
                stream = file if codec is None else pyarrow.CompressedInputStream(file, codec)
                while block := stream.read(_BLOCK_BYTES):
                    begin = 0 if read else first_line(_Begun(block, path), self._items)
                    read += len(block)
                    if block := block[begin:]:
                        yield block
        except OSError as error:
            if error.errno is not None or codec is None:
                raise cannot_read(path, error) from error
            raise BadInput(
                f"{path} cannot be decompressed after {read:,} bytes of text ({error}). It is damaged, cut "
                f"short, or no {codec} file: write it again."
            ) from error

    def share(self) -> float | None:
        total = sum(size for _, size in self._files)
        file = self._opened
        try:
            at = 0 if file is None else file.tell()
        except ValueError:  # It was closed just now.
            at = 0
        return (self._sizes_before + at) / total if total else 1.0


class _Begun(BytesIO):
    """The beginning of a file, with its name."""

    def __init__(self, block: bytes, path: str):
        super().__init__(block)
        self.name = path
