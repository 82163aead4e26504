"""One file as an item: what is known of it without reading it, and how to read it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from fanout_pipeline.sources.source import BadInput
from fanout_pipeline.sources.url import Url, url_or_path

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class FileHandle:
    """A file as it was when the input was listed. `open(handle)` and `Path(handle)` take it for its path."""

    path: str
    size: int
    """In bytes."""
    modified_ns: int
    """When it was last written to, in nanoseconds since the epoch."""

    def __repr__(self) -> str:
        return f"FileHandle({self.path!r})"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return os.path.basename(self.path)

    @property
    def modified(self) -> datetime:
        """When it was last written to, to the microsecond, in UTC."""
        from datetime import UTC, datetime, timedelta

        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return epoch + timedelta(microseconds=self.modified_ns // 1000)

    def open(self, mode: str = "rb", **options: Any) -> IO[Any]:
        """The file, opened for reading: in bytes, or with mode "r" as text, with the options of `open`.

        Raises OSError, or BadInput where it was written to since the input was listed.
        """
        if not {*mode} <= {*"rbt"}:
            raise ValueError(f"files of an input are only read: mode {mode!r}")
        if isinstance(url_or_path(self.path), Url):
            from fanout_pipeline.sources.remote import open_one

            file, found = open_one(self.path, mode, **options)
        else:
            file = open(self.path, mode, **options)  # noqa: SIM115 (the caller closes it)
            status = os.fstat(file.fileno())
            found = status.st_size, status.st_mtime_ns
        if found != (self.size, self.modified_ns):
            file.close()
            raise BadInput(
                f"{self.path} was written to after the run had listed it. Run again once nothing "
                "writes to the input."
            )
        return file

    def read_bytes(self) -> bytes:
        """All of it. Raises as `open` does."""
        with self.open() as file:
            return file.read()  # type: ignore[no-any-return]

    def read_text(self, encoding: str = "utf-8") -> str:
        """All of it as text. Raises as `open` does, or UnicodeDecodeError."""
        with self.open("r", encoding=encoding) as file:
            return file.read()  # type: ignore[no-any-return]

    def __fspath__(self) -> str:
        return self.path
