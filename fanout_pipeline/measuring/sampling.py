"""Some of a run's results compared with new calls, in a worker process, for those who ask for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy

from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.repeated_calls import RepeatingWorker
from fanout_pipeline.measuring.nearness import difference
from fanout_pipeline.measuring.result_streams import Finding, blocks, compared
from fanout_pipeline.measuring.single_items import items_at
from fanout_pipeline.results.failures import failed_indexes
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.types.arrow_types import read_back

_BATCH = 256
_SECONDS = 60.0
"""Calls that have been going on for so long and for so many times as long as they took before are given up."""
_TIMES_LONGER = 20
_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Pick:
    """Which items: the same for the same seed, one of each stretch of the input."""

    items: int
    share: float
    seed: int

    @property
    def count(self) -> int:
        return min(self.items, max(1, round(self.items * self.share)))

    def __iter__(self) -> Iterator[int]:
        chance = random.Random(self.seed)  # noqa: S311 (no secret)
        for number in range(self.count):
            low, high = (self.items * edge // self.count for edge in (number, number + 1))
            yield chance.randrange(low, high)


@dataclass(slots=True)
class Sampled:
    """What came of the sample."""

    compared: int = 0
    failed: int = 0
    """Calls that raised, though the item has a result."""
    given_up: bool = False
    """Its last call ended its process, or took too long."""
    inexact: int = 0
    largest_difference: float = 0.0
    wrong: int = 0
    foreign: list[Finding] = field(default_factory=list)
    expected: str = ""
    """In the place of the first that is wrong."""


def compare_sample(
    spec: FanoutSpec, ours: Snapshot, pick: Pick, log: Callable[[str], object]
) -> Sampled:
    """Call the function again on the items of `pick` that have a result.

    Raises NoResults where the results cannot be read, TypeError where the function cannot be sent.
    """
    found, progress = Sampled(), Progress("check", log)
    kind = ours.manifest.kind
    call_seconds = sum(p.call_seconds for p in ours.manifest.parts) / max(1, ours.manifest.items)
    rows = _results(ours, pick)
    items = items_at(spec.source, _without(pick, failed_indexes(ours)))
    progress.begin(pick.count)
    with RepeatingWorker() as process:
        while batch := list(islice(items, _BATCH)):
            process.call_each(spec.function, [item for _, item in batch])
            process.has_begun(time.monotonic() + _SECONDS)
            seconds = max(_SECONDS, _TIMES_LONGER * len(batch) * call_seconds)
            answered = 0
            for _, answer in process.results(time.monotonic() + seconds):
                index, there = next(rows)
                answered += 1
                progress.done(1, 1)
                if answer is None:
                    found.failed += 1
                else:
                    _compare(found, index, there, answer[0], kind, spec.tolerance)
            if answered < len(batch):
                found.given_up = True
                break
    return found


def _compare(
    found: Sampled, index: int, there: Any, result: Any, kind: Any, tolerance: float
) -> None:
    found.compared += 1
    try:
        apart = difference(there, read_back(result, kind))
    except Exception:  # It is of another type.
        apart = difference(there, result)
    if apart > tolerance:
        found.wrong += 1
        found.expected = found.expected or short_repr(result)
        if len(found.foreign) < _EXAMPLES:
            found.foreign.append(Finding(index, short_repr(there)))
    elif apart:
        found.inexact += 1
        found.largest_difference = max(found.largest_difference, apart)


def _without(pick: Pick, failed: numpy.ndarray) -> Iterator[int]:
    left_out = set(failed.tolist())
    return (index for index in pick if index not in left_out)


def _results(ours: Snapshot, pick: Pick) -> Iterator[tuple[int, Any]]:
    """Index and result of each item of the sample that has one."""
    (side,) = compared(ours)
    wanted = _without(pick, failed_indexes(ours))
    index = next(wanted, None)
    for block in blocks(side):
        places = []
        while index is not None and len(block.index) and index <= block.index[-1]:
            places.append(int(numpy.searchsorted(block.index, index)))
            index = next(wanted, None)
        at = numpy.array(places, numpy.int64)
        yield from zip(block.index[at].tolist(), block.values(at), strict=True)
