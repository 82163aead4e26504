"""Compressed text files, decompressed while calls go on with what has arrived."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from fanout_pipeline.sources.files import cannot_read
from fanout_pipeline.sources.many_files import File
from fanout_pipeline.sources.one_file import first_line
from fanout_pipeline.sources.source import BadInput, Source
from fanout_pipeline.sources.spool.feed import Feed, Group, MayNeedSpool
from fanout_pipeline.sources.url import Url, path_of

_CODECS = {".gz": "gzip", ".zst": "zstd"}
_BLOCK_BYTES = 2**20
NO_HEAD = "{} is compressed, and a break-even sweep measures with parts of files that are not. Decompress it for that."


def is_compressed(files: Iterable[File]) -> bool:
    """Whether the name of one of them says so."""
    return any(file.path.endswith(tuple(_CODECS)) for file in files)


def needs_spool(source: Source) -> bool:
    """Whether a source has to be spooled, as far as its definition tells, before there is any input."""
    source = getattr(source, "source", source)  # of a sample
    path = path_of(source)
    return isinstance(source, MayNeedSpool) and (path is None or path.endswith(tuple(_CODECS)))


class FileFeed(Feed):
    """Feeds what is in files some of which are compressed, one after the other."""

    unit = "byte"

    def __init__(self, source: Any, files: Iterable[File], items: str, is_utf8: bool = True):
        """`source`: how their text is parsed. `items`: what messages call what is in them."""
        self._source = source
        self._sizes = [file.size for file in files]
        self._paths = tuple(file.path for file in files)
        self._items = items
        self._is_utf8 = is_utf8
        self._opened: Any = None
        self._before = 0
        """Size of the files that were read."""

    @abstractmethod
    def _of_file(self, path: str, number: int) -> Iterator[Group]:
        """The groups of one file."""

    def groups(self) -> Iterator[Group]:
        for number, (path, size) in enumerate(zip(self._paths, self._sizes, strict=True)):
            yield from self._of_file(path, number)
            self._opened = None
            self._before += size

    @contextmanager
    def _open(self, path: str) -> Iterator[Any]:
        import pyarrow

        if isinstance(self._source.path, Url):
            from fanout_pipeline.sources.remote import opened

            with opened(self._source.path, path, True) as file:
                yield pyarrow.PythonFile(file, mode="r")
        else:
            with pyarrow.OSFile(path) as file:
                yield file

    def _blocks(self, path: str) -> Iterator[bytes]:
        """A file decompressed, without a mark at its beginning. Raises BadInput."""
        import pyarrow

        size = self._sizes[self._paths.index(path)]
        codec = _CODECS.get(os.path.splitext(path)[1])
        read = 0
        try:
            if not size:
                return
            with self._open(path) as file:
                self._opened = file
                stream = file if codec is None else pyarrow.CompressedInputStream(file, codec)
                while block := stream.read(_BLOCK_BYTES):
                    begin = 0
                    if not read and self._is_utf8:
                        begin = first_line(Begun(block, path), self._items)
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
        total, file = sum(self._sizes), self._opened
        try:
            at = 0 if file is None else file.tell()
        except ValueError:  # It was closed just now.
            at = 0
        return (self._before + at) / total if total else 1.0


class Begun(BytesIO):
    """The beginning of a file, with its name."""

    def __init__(self, block: bytes, path: str):
        super().__init__(block)
        self.name = path
