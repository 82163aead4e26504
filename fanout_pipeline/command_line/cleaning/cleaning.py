"""What is decided of each thing that was found: how old it is, and whether it is removed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.store.local_generation import LOCK
from fanout_pipeline.results.store.old_layout import OLD_LOCK

REMOVED, NEWER, IN_USE, LEFT = "removed", "newer", "in use", "left"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that nobody needs, or will not need once its run has ended."""

    what: str
    """What it is, in words."""
    path: Path
    bytes: int
    """The size of all files in it."""
    changed: float
    """When anything in it was last written, in seconds since the epoch."""
    became: str
    """`removed` (with a dry run: would be), `newer` or `in use`, which are kept, or `left`: see `why`."""
    why: str = ""
    """Why it is left although it is old."""


@dataclass(slots=True)
class Cleaning:
    """One call of `clean`."""

    root: Path
    """The data root, with no link in its path."""
    before: float
    """What was written after this time, in seconds since the epoch, is kept."""
    dry_run: bool
    found: list[Found] = field(default_factory=list)

    def consider(
        self,
        what: str,
        where: Path,
        paths: Sequence[Path] = (),
        *,
        in_use: bool = False,
        changed: float = 0.0,
        why: str = "",
    ) -> None:
        """Remove something, or the `paths` that it consists of in their order, unless it is too new or in use.

        Whoever calls this has seen to it that nobody else changes them meanwhile. `changed`: when it was last
        written, if that is later than its files say. `why` it is to be left.
        """
        paths = paths or (where,)
        size, written = measured(*paths)
        changed = max(changed, written)
        became = IN_USE if in_use else NEWER if changed >= self.before else LEFT if why else REMOVED
        if became == REMOVED and not self.dry_run:
            for one in paths:
                no_links.remove(one)
            if any(map(os.path.lexists, paths)):
                became, why = LEFT, "it could not be removed: see who may write to its folder"
        self.found.append(Found(what, where, size, changed, became, why))

    def bytes(self, became: str) -> int:
        """The size of all that became so."""
        return sum(one.bytes for one in self.found if one.became == became)

    def count(self, became: str) -> int:
        """How many things became so."""
        return sum(one.became == became for one in self.found)


def measured(*paths: Path) -> tuple[int, float]:
    """The size of all files, and when any was last written. No link is followed; locks do not count.

    A folder without files counts from when it was made or emptied.
    """
    size, changed = 0, 0.0
    for path in paths:
        with suppress(FileNotFoundError):
            status = os.lstat(path)
            written = status.st_mtime
            if stat.S_ISDIR(status.st_mode):
                inside = measured(*_below(path))
                size, written = size + inside[0], inside[1] or written
            elif stat.S_ISREG(status.st_mode):
                size += status.st_size
            changed = max(changed, written)
    return size, changed


def _below(folder: Path) -> list[Path]:
    with suppress(PermissionError), os.scandir(folder) as entries:
        return [Path(one.path) for one in entries if one.name not in (LOCK, OLD_LOCK)]
    return []
