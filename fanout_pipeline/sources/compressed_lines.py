"""Compressed text files with an item a line: the lines that have arrived of their spool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fanout_pipeline.sources.compressed import FileFeed
from fanout_pipeline.sources.line_items import LineFormat, LineItems
from fanout_pipeline.sources.source import Chunk, Items, Source
from fanout_pipeline.sources.spool.feed import Files, Group
from fanout_pipeline.sources.spool.reading import Reading, Spooled


@dataclass(frozen=True, slots=True)
class SpooledLines(Spooled):
    """What has arrived of the lines of some files, one after the other. The unit is the byte."""

    files: Files = field(repr=False)
    format: LineFormat
    """How lines are parsed: the source that is spooled."""
    paths: tuple[str, ...]
    """The files that the lines come from."""

    CHUNK_SIZE = 2 * 2**20

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


class LineFeed(FileFeed):
    """Feeds the lines of files some of which are compressed."""

    def beginning(self, group: Group, items: int) -> Group:
        rest = group.data.split(b"\n", items)[-1]
        data = group.data.removesuffix(rest)
        return Group(data, len(data), items, part=group.part)

    def reader(self, files: Files) -> Source:
        return SpooledLines(files, self._source, self._paths)

    def _of_file(self, path: str, number: int) -> Iterator[Group]:
        is_last = number == len(self._paths) - 1
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
