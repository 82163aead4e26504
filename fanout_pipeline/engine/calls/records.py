"""Records of the source on their way to the function; those that cannot be read are items that failed.

A chunk is parsed as a whole, which is quick. Only where that raises, and failed items go into quarantine,
is it read record by record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fanout_pipeline.engine.model.errors import Failure
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.sources.source import BadInput, Source, Unreadable

NONE_FAILED: Mapping[int, Failure] = MappingProxyType({})


class Read(NamedTuple):
    """What a chunk holds."""

    items: Sequence[Any]
    """With an Unreadable in the place of each that cannot be read."""
    failed: Mapping[int, Failure]
    """These, by their positions, ascending."""

    def located(self, first_index: int, source: Source) -> dict[int, Failure]:
        """These with their places, where the first item of the chunk has this index."""
        return {
            position: failure.at(first_index + position, source)
            for position, failure in self.failed.items()
        }


class ReadBatch(NamedTuple):
    """The same for a batch function."""

    items: Any
    """A pandas Series of those that can be read."""
    failed: Mapping[int, Failure]
    """The others, by their positions among all, ascending."""


def read_items(work: Work, raw: bytes, first_index: int) -> Read:
    """The items of a chunk that was loaded as `raw`.

    Raises BadInput of the first record that cannot be read, unless that is only an item that failed.
    """
    try:
        return Read(work.source.parse(raw, first_index), NONE_FAILED)
    except BadInput:
        if not work.failures.quarantines:
            raise
        return _record_by_record(work, raw)


def read_batch(work: Work, raw: bytes, first_index: int) -> ReadBatch:
    """The same for a batch function."""
    try:
        return ReadBatch(work.source.parse_batch(raw, first_index), NONE_FAILED)
    except BadInput:
        if not work.failures.quarantines:
            raise
    items, failed = _record_by_record(work, raw)
    readable = [item for item in items if type(item) is not Unreadable]
    return ReadBatch(work.source.as_batch(readable), failed)


def _record_by_record(work: Work, raw: bytes) -> Read:
    items = work.source.parse_each(raw)
    failed = {
        position: Failure(item.text, BadInput.__name__, f"the record {item.reason}", traceback="")
        for position, item in enumerate(items)
        if type(item) is Unreadable
    }
    return Read(items, failed)


def put_in(values: Sequence[Any], others: Mapping[int, Any]) -> list[Any]:
    """The values, with the others among them at these positions, ascending, of what comes out."""
    whole: list[Any] = []
    taken = 0
    for number, (position, other) in enumerate(others.items()):
        whole += values[taken : position - number]
        whole.append(other)
        taken = position - number
    whole += values[taken:]
    return whole
