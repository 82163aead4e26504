"""Parts that were written before their place was known, named by it in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.store.ledger import LEDGER, Finished, append
from fanout_pipeline.results.store.manifest import Kinds, PartRecord, part_name


class PartCollector:
    """Collects the parts of one folder in any order; each has a number of its own so far.

    Those of an earlier run, `finished`, are there already. Where the folder has a ledger, each
    part that is added is told of in it, as long as `is_sound()`.
    """

    def __init__(
        self,
        folder: Path,
        finished: Iterable[Finished] = (),
        is_sound: Callable[[], bool] = lambda: True,
    ):
        self._folder = folder
        self._is_sound = is_sound
        self._parts = [(one.start, one.part) for one in finished]
        self._kinds = Kinds(part for _, part in self._parts)
        self._tells = (folder / LEDGER).exists()

    def add(self, start: int, stop: int, part: PartRecord) -> None:
        """A part that holds the results of [start, stop) of the input.

        Raises CannotWrite, or MixedTypes where its results have no type in common with those of the
        other parts. Several threads may add: a list and a file that is appended to need no lock for
        that.
        """
        self._kinds.add(part)  # First: what is told of is gone on with.
        self._parts.append((start, part))
        if self._tells and self._is_sound():
            append(self._folder, Finished(start, stop, part))

    def discard(self, number: int) -> None:
        """Remove what a dead writer has left of the part with this number, whole or not."""
        for name in os.listdir(self._folder):
            if f"-{number:05d}.parquet" in name:
                no_links.unlink(self._folder / name)

    def in_order(self) -> list[PartRecord]:
        """All parts in the order of the input, numbered from 0, their files named so.

        Parts without items are dropped, but for one if there is no other.
        """
        ordered = [part for _, part in sorted(self._parts, key=lambda found: found[0])]
        kept = [part for part in ordered if part.items] or ordered[:1]
        numbered = [replace(part, number=number) for number, part in enumerate(kept)]
        moved = [(a, b) for a, b in zip(kept, numbered, strict=True) if a.number != b.number]
        there = {part.number for part in kept}
        for part in ordered:
            if part.number not in there:
                no_links.unlink(self._path(part))
        # Aside first: the name may still be another part's.
        for part, new in moved:
            no_links.rename(self._path(part), self._aside(new))
        for _, new in moved:
            no_links.rename(self._aside(new), self._path(new))
        if failed := [(part.number, new.number) for part, new in moved if part.failed]:
            from fanout_pipeline.results.store.failed_items import rename_failed  # Arrow

            rename_failed(self._folder, failed)
        return numbered

    def _path(self, part: PartRecord) -> Path:
        return self._folder / part_name(part.number)

    def _aside(self, part: PartRecord) -> Path:
        return self._folder / f".{part_name(part.number)}"
