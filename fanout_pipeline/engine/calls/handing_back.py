"""Who writes the results of a worker process: itself, or the process that started it.

To write, a worker imports NumPy and Arrow, which takes it 0.25 s: more than most runs take. So
workers hand results back at first, and the parent, which has imported both, writes them. That is
dearer by the item, and only one process does it: see docs/decisions/workers.md.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.buffer import Results

if TYPE_CHECKING:
    from fanout_pipeline.results.store.generation import Generation

_WORTH_IMPORTING = 0.1
"""Once the parent would write for so many seconds more, workers import what they need to do so. They
then read quicker, too, which saves twice that: docs/decisions/workers.md."""


@dataclass(frozen=True, slots=True)
class HandedBack:
    """A chunk's results that are still to be written; no item has failed. Otherwise as PartRecord."""

    number: int
    first_index: int
    results: Results
    pid: int = field(default_factory=os.getpid)
    read_seconds: float = 0.0
    call_seconds: float = 0.0
    write_seconds: float = 0.0
    call_cpu_seconds: float = 0.0

    @property
    def items(self) -> int:
        return len(self.results)

    def written(self, generation: Generation) -> PartRecord:
        """Write the part. Raises what `write_part` raises."""
        from fanout_pipeline.results.write import write_part

        began = time.perf_counter()
        part = write_part(generation, self.number, self.first_index, self.results)
        return replace(
            part,
            pid=self.pid,
            read_seconds=self.read_seconds,
            call_seconds=self.call_seconds,
            write_seconds=time.perf_counter() - began,
            call_cpu_seconds=self.call_cpu_seconds,
        )


def import_road() -> float:
    """Import what writes parts, if it is not yet; seconds."""
    began = time.perf_counter()
    import fanout_pipeline.engine.calls.imports  # noqa: F401

    return time.perf_counter() - began


class Writer:
    """The parent's side, for one run."""

    def __init__(self, generation: Generation, size: int, hand_back: bool):
        """The parts go into `generation`, and are of so much of the source together."""
        self._generation = generation
        self._left = size
        self._paces: list[float] = []
        """What a unit of the source took, write by write."""
        self.hand_back = hand_back
        """Whether workers are to hand back the results of their next chunks."""

    def written(self, part: PartRecord | HandedBack, size: int) -> PartRecord:
        """The part of so much of the source, written if it is not yet."""
        self._left -= size
        if isinstance(part, PartRecord):
            return part
        written = part.written(self._generation)
        self._paces.append(written.write_seconds / max(1, size))
        # The first write of a process is slow, and so is one beside busy workers.
        if len(self._paces) > 1 and min(self._paces) * self._left > _WORTH_IMPORTING:
            self.hand_back = False
        return written
