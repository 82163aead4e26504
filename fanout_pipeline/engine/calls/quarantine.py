"""What becomes of the items that cannot be read, and of those whose calls have failed for good."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fanout_pipeline.engine.model.errors import Failure, ItemFailed, short_repr
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.timing.stopwatch import Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.kinds import NULL, MixedTypes
from fanout_pipeline.sources.source import BadInput, Items

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fanout_pipeline.results.memory import MemoryResults

_WITHHELD = "its text is not recorded"
_UNFIT = (
    "Not every value of a column of the results, or of one that is kept, is of its type. Which is not recorded "
    "(record_items=False)."
)


class Quarantine:
    """The failed items of a chunk, as far as it was done.

    A context manager: all of them are on disk when the block ends.
    """

    def __init__(self, work: Work, items: Items, stopwatch: Stopwatch):
        self._work = work
        self._items = items
        self.number = items.chunk.number
        """The chunk's number, which is also its part's."""
        self.first_index = items.first_index
        """Index of the chunk's first item."""
        self._stopwatch = stopwatch
        self.policy = work.failures
        self._open = ExitStack()
        self._write: Callable[[dict[str, Any]], None] | None = None
        self.positions: list[int] = []
        """The positions of failed items in the chunk, ascending."""
        self.failed: list[dict[str, Any]] = []
        """What is known of them, where no files are written."""
        self.retried = 0
        """How many calls were made again because an item's call before had failed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._open.__exit__(kind, error, traceback)

    @property
    def keeps_columns(self) -> bool:
        """Whether the part has columns of the input, which only this process has read."""
        return bool(self._work.layout.keep)

    def add(self, position: int, failure: Failure) -> None:
        """Put an item into quarantine. Raises ItemFailed where the first that fails ends the run."""
        failure = failure.at(self.first_index + position, self._work.source)
        if not self.policy.quarantines:
            raise ItemFailed.of(failure, self._work.source) from None
        if self._work.generation.in_memory:
            self._write = self.failed.append
        elif self._write is None:
            with self._stopwatch.importing():
                from fanout_pipeline.results.store.failed_items import failed_items

            file = failed_items(self._work.generation, self.number)
            self._write = self._open.enter_context(file)
        self._write(asdict(failure))
        self.positions.append(position)

    def item_of(self, position: int) -> str:
        """What messages call the item of one of the chunk's results, by the position of that."""
        if self.policy.omits:
            for failed in self.positions:
                position += failed <= position
        where = self._work.source.locate(self.first_index + position)
        index = self._work.source.index_of(self.first_index + position)
        return f"item {index} ({where}), {short_repr(self._items[position])}"

    def part(self, results: Any) -> PartRecord:
        """Write the part. `results` has a null for each item in quarantine, unless they are left out."""
        if self._work.generation.in_memory:
            return self._kept(results)
        with self._stopwatch.importing():
            import fanout_pipeline.results.write  # noqa: F401
        omitted = self.positions if self.policy.omits else ()
        part = write_results_of(self._work, self._items, results, omitted)
        return replace(part, failed=len(self.positions), retried=self.retried)

    def _kept(self, results: Any) -> PartRecord:
        """Keep the results in memory: see `results.memory`."""
        if not isinstance(results, list):
            results = results.to_pylist() if hasattr(results, "to_pylist") else list(results)
        part = self.unwritten(len(results))
        place = part.number, part.first_index, part.items
        generation: MemoryResults = self._work.generation  # type: ignore[assignment]
        generation.keep(*place, results, self.failed, self.policy.omits)
        return part

    def unwritten(self, rows: int) -> PartRecord:
        """The record of a part with so many results that is not written here."""
        failed = len(self.positions)
        omitted = failed if self.policy.omits else 0
        place = self.number, self.first_index, rows + omitted
        unwritten = PartRecord(*place, "", NULL, 0, 0, "", os.getpid())
        return replace(unwritten, failed=failed, omitted=omitted, retried=self.retried)


def write_results_of(
    work: Work, items: Items, results: Any, omitted: Sequence[int] = ()
) -> PartRecord:
    """Write the part of a chunk's first items; those at the positions `omitted` have no result."""
    from fanout_pipeline.results.write import write_part  # Arrow

    layout = work.layout
    place = work.generation, items.chunk.number, items.first_index
    try:
        kept = items.as_arrow(layout.keep) if layout.keep else None
        return write_part(*place, results, omitted, layout, kept)
    except (BadInput, TypeError) as error:
        if work.failures.record_items or isinstance(error, MixedTypes):
            raise
        raise type(error)(_UNFIT) from None


def unreadable_failures(work: Work, items: Items) -> Mapping[int, Failure]:
    """The failures of the items that cannot be read, by their positions, ascending.

    Raises BadInput for the first of them where a failed item ends the run.
    """
    failures = {}
    for position, record in items.unreadable.items():
        index = items.first_index + position
        reason, text = "cannot be read", ""
        if work.failures.record_items:
            reason, text = record.reason, record.text
        if not work.failures.quarantines:
            told = replace(record, reason=reason, text=text or _WITHHELD)
            raise told.at(work.source.locate(index))
        failure = Failure(text, BadInput.__name__, f"the record {reason}", "")
        failures[position] = failure.at(index, work.source)
    return failures
