"""Records of a source that cannot be read: items that have failed before they were called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fanout_pipeline.engine.model.errors import Failure
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.sources.source import BadInput, Items

NONE_FAILED: Mapping[int, Failure] = {}


def unreadable_failures(work: Work, items: Items) -> Mapping[int, Failure]:
    """The failures of the items that cannot be read, by their positions, ascending.

    Raises BadInput for the first of them where a failed item ends the run.
    """
    failures = {}
    for position, record in items.unreadable.items():
        index = items.first_index + position
        if not work.failures.quarantines:
            raise record.at(work.source.locate(index))
        failure = Failure(record.text, BadInput.__name__, f"the record {record.reason}", "")
        failures[position] = failure.at(index, work.source)
    return failures


def put_in(values: Sequence[Any], others: Mapping[int, Any]) -> list[Any]:
    """The values with others inserted, so that each of those has the position that it is keyed by.

    The positions ascend.
    """
    whole: list[Any] = []
    taken = 0
    for number, (position, other) in enumerate(others.items()):
        whole += values[taken : position - number]
        whole.append(other)
        taken = position - number
    whole += values[taken:]
    return whole
