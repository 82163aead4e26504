"""One text file of several: where its lines begin, and how many begin before a place in it."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import BinaryIO

from fanout_pipeline.sources.source import BadInput

COUNT_BYTES = 256 * 2**10
"""Line ends are counted in blocks of this size, which stay in a core's cache."""
MARK = codecs.BOM_UTF8
_SEARCH_BYTES = 4096
"""Read at a time where the next line's beginning is looked for."""
_OTHER_MARKS = {
    # UTF-32 first: its mark begins with that of UTF-16.
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


def first_line(file: BinaryIO, items: str) -> int:
    """Where the first line begins. Raises BadInput where a mark says that it is not UTF-8."""
    file.seek(0)
    begin = file.read(4)
    for encoding, marks in _OTHER_MARKS.items():
        if begin.startswith(marks):
            from shlex import quote

            raise BadInput(
                f"{file.name} is {encoding}, according to the byte order mark at its beginning; "
                f"{items} are read as UTF-8. Convert it "
                f"(iconv -f {encoding} -t UTF-8 {quote(file.name)} > …)."
            )
    return len(MARK) if begin.startswith(MARK) else 0


def line_at(file: BinaryIO, offset: int, items: str) -> int:
    """Where the first line begins that begins at `offset` or after it; else where the file ends."""
    if offset <= len(MARK) and (first := first_line(file, items)) >= offset:
        return first
    # Is the byte before it the end of a line?
    position = file.seek(offset - 1)
    while block := file.read(_SEARCH_BYTES):
        line_end = block.find(b"\n")
        if line_end >= 0:
            return position + line_end + 1
        position += len(block)
    return position


def lines_before(file: BinaryIO, offset: int, items: str, counts: Sequence[int] = (0,)) -> int:
    """How many lines begin before `offset`: the file's first, and one after each line end.

    `counts`: as `hash_and_count` gives them; what it begins with is added.
    """
    if not offset or offset <= first_line(file, items):
        return counts[0]
    stop = offset - 1
    block = max(0, min(stop // COUNT_BYTES, len(counts) - 2))
    lines = 1 + counts[block]
    position = file.seek(block * COUNT_BYTES)
    while position < stop and (read := file.read(min(COUNT_BYTES, stop - position))):
        lines += read.count(b"\n")
        position += len(read)
    return lines


def hash_and_count(file: BinaryIO, size: int, items: str, before: int) -> tuple[bytes, list[int]]:
    """The SHA-256 of a file, and how many lines end before each of its blocks, and before its end.

    Blocks are of COUNT_BYTES; what has no line end ends where the file does. `before` is added to each.
    """
    import hashlib  # OpenSSL and NumPy: workers do without

    import numpy

    first = first_line(file, items)
    digest, counts, is_ended = hashlib.sha256(), [before], True
    block = bytearray(COUNT_BYTES)
    view, array = memoryview(block), numpy.frombuffer(block, numpy.uint8)
    for position in range(file.seek(0), size, COUNT_BYTES):
        read = file.readinto(view[: size - position])  # type: ignore[attr-defined]
        digest.update(view[:read])
        counts.append(counts[-1] + int(numpy.count_nonzero(array[:read] == ord("\n"))))
        is_ended = position + read <= first or block[read - 1] == ord("\n")
    counts[-1] += not is_ended
    return digest.digest(), counts
