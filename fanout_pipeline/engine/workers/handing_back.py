"""Who writes the parts of a worker: itself, or in short runs its parent.

To write, a worker imports NumPy and Arrow, which takes longer than most short runs: 0.16 s. The parent has
imported both. So a worker sends the results of its first chunks, as long as they are few, and the parent
writes the parts. In long runs workers write: the parent is only one. See docs/decisions/workers.md.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace

from fanout_pipeline.engine.calls.quarantine import Quarantine
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.buffer import Results

SENT_BYTES = 12 * 2**20
"""How much of a run's results its workers may send, in equal shares: 1,500,000 integers. (A worker that replaces
another has a share of its own.) Beyond that the import of Arrow, with which workers read faster, too, pays off."""


@dataclass(frozen=True, slots=True)
class UnwrittenPart:
    """A chunk's results, still to be written, in place of its PartRecord. No item has failed."""

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

    def written(self, work: Work) -> PartRecord:
        """Write the part, in the parent. Raises what `write_part` raises."""
        from fanout_pipeline.results.write import write_part

        began = time.perf_counter()
        place = work.generation, self.number, self.first_index
        part = write_part(*place, self.results, layout=work.layout)
        return replace(
            part,
            pid=self.pid,
            read_seconds=self.read_seconds,
            call_seconds=self.call_seconds,
            write_seconds=time.perf_counter() - began,
            call_cpu_seconds=self.call_cpu_seconds,
        )


class HandingBack:
    """In a worker, during one run: makes a chunk's part, or leaves that to the parent."""

    def __init__(self, sendable_bytes: int):
        """`sendable_bytes`: how much of its results this worker may send."""
        self._sendable_bytes = sendable_bytes

    def part(self, quarantine: Quarantine, results: Results) -> PartRecord | UnwrittenPart:
        """Write the part unless that takes an import and the results are plain, few and by themselves."""
        size = results.plain_bytes
        if (
            "pyarrow" in sys.modules
            or quarantine.keeps_columns
            or quarantine.positions
            or size is None
            or size > self._sendable_bytes
        ):
            return quarantine.part(results)
        self._sendable_bytes -= size
        return UnwrittenPart(quarantine.number, quarantine.first_index, results)
