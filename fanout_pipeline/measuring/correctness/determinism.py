"""Does the function give the same result for the same item? Asked before a result is called lost or wrong.

A few of the items whose results differ are called again in fresh processes: each with another seed of
hash(), some in another order, some twice. Where one process disagrees with the next, or with the
reference, values prove nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, zip_longest
from typing import Any

from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.work import Setup
from fanout_pipeline.engine.workers.repeated_calls import RepeatingWorker
from fanout_pipeline.measuring.correctness.differences import difference, has_floats
from fanout_pipeline.measuring.correctness.lookup import items_at, results_at
from fanout_pipeline.measuring.correctness.order_check import Contradiction, OrderCheck
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.types.infer import read_back

_ITEMS = 8
"""How many items are called again."""
_SEEDS = (1, 2, 3, 4)
"""A process each, with this seed of hash()."""
_TESTS_AT_MOST = 3
"""How often the function is tested, as long as no contradiction is found."""
_START_SECONDS = 60.0
"""How long a process may take to import what the function needs."""
CALL_SECONDS = (10.0, 120.0)
"""The least and the most time that all calls together may take."""
_CALLS_LONGER = 5
"""How many times longer than before the calls may take: each may be the first of its process."""

ResultsByIndex = Mapping[int, Sequence[Any]]
"""All results that were received for an item, by its index."""
CallAgain = Callable[[Callable[[Any], Any], Mapping[int, Any], float], ResultsByIndex]
"""Takes the function, items by index, and the seconds that a call took before (see `results_again`)."""


class DeterminismTest:
    """Of one function, for any number of checks of its results."""

    def __init__(
        self,
        spec: FanoutSpec,
        log: Callable[[str], object] = lambda line: None,
        call_again: CallAgain | None = None,
    ):
        """`call_again` is `results_again`, unless many functions share the same fresh processes."""
        self._spec = spec
        self._log = log
        self._call_again = call_again
        self._tests = 0
        self._first_digest: str | None = None
        self.contradiction: Contradiction | None = None
        """How the function contradicts itself, once that is found."""

    def judge_reference(self, check: OrderCheck, made: Snapshot) -> OrderCheck:
        """Complete the check of a run of the reference by comparing it with the reference's first run."""
        digest = made.manifest.digest
        self._first_digest = self._first_digest or digest
        if digest != self._first_digest:
            self._test(_suspects(check), made, None)
            check = differing_run(check, made, self._spec.tolerance)
        return self._without_values(check, keeps_order=True)

    def judge(
        self, check: OrderCheck, ours: Snapshot, reference: Snapshot | None, keeps_order: bool
    ) -> OrderCheck:
        """The check as it is, or without what values say where the function contradicts itself.

        `reference` is None where the results were compared with new calls.
        """
        faults = check.missing or check.duplicated or check.wrong
        # From a strategy that keeps no order, a lost order alone is expected.
        if check.faultless or not (faults or keeps_order):
            return check
        self._test(_suspects(check), ours, reference)
        return self._without_values(check, keeps_order)

    def _test(self, suspects: Sequence[int], ours: Snapshot, reference: Snapshot | None) -> None:
        """Look for a contradiction in these items: among new results, and with the reference's."""
        if self.contradiction is not None or self._tests >= _TESTS_AT_MOST or not suspects:
            return
        self._tests += 1
        items = dict(items_at(self._spec.source, sorted(suspects), ours.manifest))
        self._log(
            f"{self._spec.name}: results differ. Calling the function again on {len(items)} of these "
            f"items in {len(_SEEDS)} new processes, to see whether it gives the same each time."
        )
        parts = ours.manifest.parts
        call_seconds = sum(p.call_seconds for p in parts) / max(1, ours.manifest.items)
        recorded = dict(results_at(reference, sorted(items))) if reference else {}
        for index, results in self._again(items, call_seconds).items():
            pairs = [(results[0], other) for other in results[1:]]
            if reference is not None and index in recorded and results:
                with suppress(Exception):  # A result of another type differs from its like as well.
                    stored = read_back(results[0], reference.manifest.kind)
                    pairs.insert(0, (recorded[index], stored))
            for one, other in pairs:
                if difference(one, other) > self._spec.tolerance:
                    self.contradiction = Contradiction(
                        index, short_repr(items[index]), short_repr(one), short_repr(other)
                    )
                    return

    def _again(self, items: Mapping[int, Any], call_seconds: float) -> ResultsByIndex:
        again = self._call_again or partial(results_again, setup=setup_of(self._spec))
        return again(self._spec.function, items, call_seconds)

    def _without_values(self, check: OrderCheck, keeps_order: bool) -> OrderCheck:
        """Where there is a contradiction: what is known without looking at values.

        Each index is there once and in order, or the results could not have been read. That proves the
        order where a strategy gives each result its item's index.
        """
        if self.contradiction is None:
            return check
        return OrderCheck(
            check.items,
            check.expected_items,
            missing=max(0, check.expected_items - check.items),
            duplicated=max(0, check.items - check.expected_items),
            expected_there=check.expected_there,
            found_there=check.found_there,
            differing=check.differing,
            contradiction=self.contradiction,
            order_proved=keeps_order,
        )


def differing_run(check: OrderCheck, made: Snapshot, tolerance: float) -> OrderCheck:
    """The check of a run whose results had another digest than those of an earlier run, now gone.

    At best they differ in the last digits of floats.
    """
    if check.faultless and tolerance and has_floats(made.manifest.kind):
        return replace(check, inexact=max(1, check.inexact))
    return replace(check, wrong=max(1, check.wrong))


def results_again(
    function: Callable[..., Any],
    items: Mapping[int, Any],
    call_seconds: float,
    setup: Setup | None = None,
) -> ResultsByIndex:
    """What fresh processes give for these items, by index; nothing for calls that failed.

    `call_seconds` is what a call took before.
    """
    order = list(items)
    results: dict[int, list[Any]] = {index: [] for index in order}
    least, most = CALL_SECONDS
    seconds = min(most, max(least, _CALLS_LONGER * 2 * len(order) * call_seconds))
    with ExitStack() as processes, suppress(TypeError):  # The function cannot be sent.
        asked = []
        for turn, seed in enumerate(_SEEDS):
            process = processes.enter_context(RepeatingWorker(_environment(seed)))
            indexes = _neighbours_swapped(order) if turn % 2 else order
            if turn >= len(_SEEDS) // 2:
                indexes = [index for index in indexes for _ in range(2)]
            process.call_each(function, [items[index] for index in indexes], setup)
            asked.append((process, indexes))
        began = time.monotonic()
        asked = [one for one in asked if one[0].has_begun(began + _START_SECONDS)]
        until = time.monotonic() + seconds
        for process, indexes in asked:
            for position, result in process.results(until):
                if result is not None:
                    results[indexes[position]].append(result[0])
    return results


def _suspects(check: OrderCheck) -> list[int]:
    """The items to call again: some of each kind of finding."""
    groups = [
        [finding.index for finding in check.foreign],
        list(check.differing) if check.items == check.expected_items else [],
        [finding.index for finding in check.lost],
        [finding.index for finding in check.repeated],
        list(check.differing),
    ]
    turns = chain.from_iterable(zip_longest(*groups))
    indexes = dict.fromkeys(index for index in turns if index is not None)
    return list(indexes or range(check.items))[:_ITEMS]


def _neighbours_swapped(order: Sequence[int]) -> list[int]:
    """A counter then counts other items, and a short time is enough for a pair."""
    pairs: Iterator[Sequence[int]] = (order[at : at + 2] for at in range(0, len(order), 2))
    return [index for pair in pairs for index in reversed(pair)]


def _environment(seed: int) -> dict[str, str]:
    # A user who has fixed the seed has made hash() the same in all processes.
    fixed = os.environ.get("PYTHONHASHSEED", "random") not in ("", "random")
    return {} if fixed else {"PYTHONHASHSEED": str(seed)}
