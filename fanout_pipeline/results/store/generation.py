"""The files of one run's results: what ledger, manifest, parts and failed items are written in terms of."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol


class Generation(Protocol):
    """The files of one run's results. It can be pickled: workers write their parts into it."""

    in_memory: ClassVar[bool]
    """Whether results go to no files: see `results.memory`."""

    @property
    def name(self) -> str:
        """The name that tells it from the other generations of its store."""

    @property
    def local(self) -> Path:
        """A folder of this machine for files that only its run reads: see `ledger.KEPT`."""

    @property
    def changed_at(self) -> float:
        """When a file was last added, renamed or removed, in seconds since the epoch."""

    def names(self) -> list[str]:
        """The names of all files but the store's own. Raises FileNotFoundError once it was removed."""

    def size(self, name: str) -> int:
        """The size of a file in bytes; -1 if there is none of this name."""

    def open(self, name: str) -> BinaryIO:
        """A file, to read. Raises FileNotFoundError."""

    def writing(self, name: str, *, durable: bool = False) -> AbstractContextManager[BinaryIO]:
        """A file to write, which appears whole at the block's end, in place of an earlier one.

        With `durable` it survives a power cut. Raises CannotWrite.
        """

    def append(self, name: str, line: str) -> None:
        """Append a line to a text file; lines of several processes do not mix. Raises CannotWrite."""

    def share(self, of: Generation, name: str, new: str) -> None:
        """Have a file of a generation of the same store under a new name, too, copied only where it has to be."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file, replacing one of the new name."""

    def remove(self, name: str) -> None:
        """Remove a file, or anything else of this name, as far as possible; raises nothing."""


def read_file(generation: Generation, name: str) -> bytes:
    """The contents of a file. Raises FileNotFoundError."""
    with generation.open(name) as file:
        return file.read()


def write_text(generation: Generation, name: str, text: str, *, durable: bool = False) -> None:
    """Write a small text file, whole or not at all. Raises CannotWrite."""
    with generation.writing(name, durable=durable) as file:
        file.write(text.encode())
