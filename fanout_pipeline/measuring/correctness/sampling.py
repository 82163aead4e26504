"""Some of a run's results compared with new calls in a worker process, where that is asked for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy

from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.repeated_calls import RepeatingWorker
from fanout_pipeline.measuring.correctness.differences import difference
from fanout_pipeline.measuring.correctness.lookup import items_at, results_at
from fanout_pipeline.measuring.correctness.result_streams import Finding
from fanout_pipeline.results.failures import failed_indexes
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.types.infer import read_back

_BATCH_ITEMS = 256
BATCH_SECONDS = 60.0
"""How long the calls of a batch may take at least before they are given up."""
_TIMES_LONGER = 20
"""How many times longer than before the calls may take, where that is more."""
_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Pick:
    """Which items to call again: one of each stretch of the input, the same for the same seed."""

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
class SampleResult:
    """What the new calls showed."""

    compared: int = 0
    """How many results were compared with a new call's."""
    failed: int = 0
    """How many calls raised this time, though the item has a result."""
    given_up: bool = False
    """Whether a call ended its process, or took too long."""
    inexact: int = 0
    """How many results differ in last digits, within the tolerance."""
    largest_difference: float = 0.0
    """The largest relative difference of an inexact result."""
    wrong: int = 0
    foreign: list[Finding] = field(default_factory=list)
    """The first few wrong results."""
    expected: str = ""
    """What the function gave in place of the first wrong result."""

    def add(self, index: int, stored: Any, result: Any, apart: float, tolerance: float) -> None:
        """Count one result and how far the new call's is from it."""
        self.compared += 1
        if apart > tolerance:
            self.wrong += 1
            self.expected = self.expected or short_repr(result)
            if len(self.foreign) < _EXAMPLES:
                self.foreign.append(Finding(index, short_repr(stored)))
        elif apart:
            self.inexact += 1
            self.largest_difference = max(self.largest_difference, apart)


def compare_sample(
    spec: FanoutSpec, ours: Snapshot, pick: Pick, log: Callable[[str], object]
) -> SampleResult:
    """Call the function again on the picked items that have a result.

    Raises NoResults where the results cannot be read, TypeError where the function cannot be sent.
    """
    found, progress = SampleResult(), Progress("check", log)
    manifest = ours.manifest
    call_seconds = sum(part.call_seconds for part in manifest.parts) / max(1, manifest.items)
    has_result = _with_result(ours)
    results = results_at(ours, (index for index in pick if has_result[index]))
    items = items_at(spec.source, (index for index in pick if has_result[index]), manifest)
    progress.begin(pick.count)
    setup = setup_of(spec)
    with RepeatingWorker() as process:
        while batch := list(islice(items, _BATCH_ITEMS)):
            process.call_each(spec.function, [item for _, item in batch], setup)
            process.has_begun(time.monotonic() + BATCH_SECONDS)
            seconds = max(BATCH_SECONDS, _TIMES_LONGER * len(batch) * call_seconds)
            answered = 0
            for _, answer in process.results(time.monotonic() + seconds):
                index, stored = next(results)
                answered += 1
                progress.done(1, 1)
                if answer is None:
                    found.failed += 1
                else:
                    apart = _difference(stored, answer[0], manifest.kind)
                    found.add(index, stored, answer[0], apart, spec.tolerance)
            if answered < len(batch):
                found.given_up = True
                break
    return found


def _with_result(ours: Snapshot) -> numpy.ndarray:
    """Whether each item has a result of its own: none has it that failed, or whose key an item before it has."""
    manifest = ours.manifest
    there = numpy.ones(manifest.items, bool)
    if manifest.rows < manifest.items:
        there[:] = False
        for batch in ours.batches(columns={"index": "int64"}):
            there[batch["index"].to_numpy()] = True
    there[failed_indexes(ours)] = False
    return there


def _difference(stored: Any, result: Any, kind: Any) -> float:
    try:
        return difference(stored, read_back(result, kind))
    except Exception:  # The result is of another type.
        return difference(stored, result)
