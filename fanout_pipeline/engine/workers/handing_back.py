"""Who writes the parts of a worker: itself, or in short runs its parent.

To write, a worker imports NumPy and Arrow, which takes longer than most short runs: 0.16 s. The parent has
imported both. So a worker sends the results of its first chunks, as long as they are few, and the parent
writes the parts. In long runs workers write: the parent is only one. See docs/decisions/workers.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.calls.quarantine import Quarantine
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.buffer import ResultBuffer

if TYPE_CHECKING:
    from fanout_pipeline.results.memory import MemoryResults

HandedBack = ResultBuffer | tuple[bytes, list[dict[str, Any]]]
"""What a worker sends of a chunk's results: all as they are, or packed and with its failed items."""

SENT_BYTES = 12 * 2**20
"""How much of a run's results its workers may send, in equal shares: 1,500,000 integers. (A worker that replaces
another has a share of its own.) Beyond that the import of Arrow, with which workers read faster, too, pays off."""


class HandingBack:
    """In a worker, during one run: makes a chunk's part, or leaves that to the parent."""

    def __init__(self, sendable_bytes: int, in_memory: bool = False):
        """`sendable_bytes`: how much of its results this worker may send.

        `in_memory`: it sends all, packed, with what is known of failed items, and writes nothing.
        """
        self._sendable_bytes = sendable_bytes
        self._in_memory = in_memory
        self.results: HandedBack | None = None
        """The results of the chunk that was done last, where its part is left to the parent."""

    def part(self, quarantine: Quarantine, results: ResultBuffer) -> PartRecord:
        """Write the part unless that takes an import and the results are plain, few and by themselves."""
        self.results = None
        if self._in_memory:
            from fanout_pipeline.results.types.packed import packed

            self.results = packed(results, quarantine.item_of), quarantine.failed
            return quarantine.unwritten(len(results))
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
        self.results = results
        return quarantine.unwritten(len(results))


def write_handed_back(work: Work, part: PartRecord, results: HandedBack) -> PartRecord:
    """In the parent: write a part whose worker has made its record without that, or keep it in memory."""
    if isinstance(results, tuple):
        kept: MemoryResults = work.generation  # type: ignore[assignment]
        kept.keep(part.number, part.first_index, part.items, *results, work.failures.omits)
        return part
    from fanout_pipeline.results.write import write_part

    began = time.perf_counter()
    place = work.generation, part.number, part.first_index
    written = write_part(*place, results, layout=work.layout)
    return replace(
        written,
        pid=part.pid,
        read_seconds=part.read_seconds,
        call_seconds=part.call_seconds,
        write_seconds=time.perf_counter() - began,
        call_cpu_seconds=part.call_cpu_seconds,
        retried=part.retried,
    )
