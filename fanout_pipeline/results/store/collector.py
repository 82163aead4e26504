"""The parts of a run, written in any order and numbered by their place in the input at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import LEDGER, Finished, append
from fanout_pipeline.results.store.manifest import PartRecord, failed_name, part_name
from fanout_pipeline.results.types.layout import Kinds


class PartCollector:
    """Collects the parts of one generation; until the end each has some number of its own.

    `finished` are parts of an earlier run, which are in the generation already. If the generation has a
    ledger, each added part is recorded in it as long as `is_sound()`.
    """

    def __init__(
        self,
        generation: Generation,
        finished: Iterable[Finished] = (),
        is_sound: Callable[[], bool] = lambda: True,
    ):
        self._generation = generation
        self._is_sound = is_sound
        self._parts: list[tuple[int, PartRecord]] = []
        self._kinds = Kinds()
        self._combining = threading.Lock()
        self._records = generation.size(LEDGER) >= 0
        for one in finished:
            self._kinds = one.part.common_kinds(self._kinds)
            self._parts.append((one.start, one.part))

    def add(self, start: int, stop: int, part: PartRecord) -> None:
        """Add the part that holds the results of [start, stop) of the source; any thread may.

        Raises CannotWrite, or MixedTypes if its results have no kind in common with those before.
        """
        with self._combining:
            # First: a part that does not fit must not be recorded, or the next run would reuse it.
            self._kinds = part.common_kinds(self._kinds)
        self._parts.append((start, part))
        if self._records and self._is_sound():
            append(self._generation, Finished(start, stop, part))

    def discard(self, number: int) -> None:
        """Remove what a dead writer has left of the part with this number, whole or not."""
        for name in self._generation.names():
            if f"-{number:05d}.parquet" in name:
                self._generation.remove(name)

    def in_order(self) -> list[PartRecord]:
        """All parts in the order of the input, numbered from 0; their files are renamed accordingly.

        Parts without items are dropped, except for one if there is no other.
        """
        ordered = [part for _, part in sorted(self._parts, key=lambda found: found[0])]
        kept = [part for part in ordered if part.items] or ordered[:1]
        numbered = [replace(part, number=number) for number, part in enumerate(kept)]
        moved = [(a, b) for a, b in zip(kept, numbered, strict=True) if a.number != b.number]
        numbers = {part.number for part in kept}
        for part in ordered:
            if part.number not in numbers:
                self._generation.remove(part_name(part.number))
        for name, renamed in (
            (part_name, moved),
            (failed_name, [(a, b) for a, b in moved if a.failed]),
        ):
            _swap_names(self._generation, [(name(a.number), name(b.number)) for a, b in renamed])
        return numbered


def _swap_names(generation: Generation, renames: Sequence[tuple[str, str]]) -> None:
    """Rename files, old to new, where the new name of one may still be the old name of another."""
    for old, new in renames:
        generation.rename(old, f"_{new}")
    for _, new in renames:
        generation.rename(f"_{new}", new)
