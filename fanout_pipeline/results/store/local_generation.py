"""A generation as a local folder. See `contract` for what its methods promise."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import append_line, replacing
from fanout_pipeline.results.store.generation import Generation

LOCK = "_lock"
"""The file that is locked while the only process that writes to a generation is alive."""
SHARED = "_shared"
"""An empty file that marks a generation of several processes, none of which holds its lock."""


@dataclass(frozen=True, slots=True)
class LocalGeneration(Generation):
    """The folder at `path`. No link in it, or on the way to it, is followed to write or to remove."""

    path: Path

    in_memory: ClassVar[bool] = False

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def local(self) -> Path:
        return self.path

    @property
    def changed_at(self) -> float:
        return self.path.stat().st_mtime

    def names(self) -> list[str]:
        return [name for name in os.listdir(self.path) if name not in (LOCK, SHARED)]

    def size(self, name: str) -> int:
        try:
            status = (self.path / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return -1
        return status.st_size if stat.S_ISREG(status.st_mode) else -1

    def open(self, name: str) -> BinaryIO:
        return open(self.path / name, "rb")

    def writing(self, name: str, *, durable: bool = False) -> AbstractContextManager[BinaryIO]:
        return replacing(self.path / name, durable=durable)

    def append(self, name: str, line: str) -> None:
        append_line(self.path / name, line)

    def share(self, of: Generation, name: str, new: str) -> None:
        no_links.share(of.local / name, self.path / new)

    def rename(self, old: str, new: str) -> None:
        no_links.rename(self.path / old, self.path / new)

    def remove(self, name: str) -> None:
        no_links.remove(self.path / name)
