"""Reading what has arrived of a spool, in any process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Self

from fanout_pipeline.sources.source import BadInput, Source, Version
from fanout_pipeline.sources.spool.feed import Files
from fanout_pipeline.sources.spool.index import IndexReader, seal


class Reading:
    """Both files of a spool, open in a block."""

    def __init__(self, files: Files):
        self._files = files

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._files.data, os.O_RDONLY | os.O_NOFOLLOW)
            self._index = os.open(self._files.index, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise BadInput(
                f"{self._files.data}, which was read from the input, was removed while the run worked. "
                "Run again."
            ) from None
        self.index = IndexReader(self._index)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)
        os.close(self._index)

    def data(self, start: int, stop: int) -> bytes:
        """Of the data, of which so much has arrived. Nothing says that they are what was written."""
        return _read_at(self._descriptor, start, stop - start)

    def groups(self, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """Each group with something of a range of units that has arrived, and which of its units that is.

        Raises BadInput where a group is not what was written.
        """
        number = self.index.group_at(start)
        while start < stop:
            begin, end = self.index[number - 1], self.index[number]
            data = self.data(begin.size, end.size)
            if seal(self._files.key, data) != end.seal:
                raise BadInput(
                    f"{self._files.data}, which was read from the input, was changed while the run worked. "
                    "Run again."
                )
            until = min(stop, end.units)
            yield data, start - begin.units, until - begin.units
            start = until
            number += 1


def _read_at(descriptor: int, start: int, size: int) -> bytes:
    """So many bytes of a file, which has them."""
    blocks: list[bytes] = []
    while size and (block := os.pread(descriptor, size, start)):
        blocks.append(block)
        start += len(block)
        size -= len(block)
    return b"".join(blocks)


class Spooled(Source):
    """The source of what has arrived of a spool. Its version is of use once nothing more arrives."""

    __slots__ = ()

    files: Files

    def version(self) -> Version:
        version = self.examine()
        return Version(version.token, version.size)

    def examine(self) -> Version:
        with Reading(self.files) as reading:
            last = reading.index.last
        return Version(last.digest.hex(), last.units, last.digest.hex(), last.items)
