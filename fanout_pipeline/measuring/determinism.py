"""Does the function give the same result for the same item? Asked before anything is called lost or wrong.

A few of the items whose results differ are called again in fresh processes, each with another seed of
hash(), in another order, in some of them twice. Where one process is of another opinion than the
next, or than the reference, values prove nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any

from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.workers.repeated_calls import RepeatingWorker
from fanout_pipeline.measuring.nearness import difference, has_floats
from fanout_pipeline.measuring.order_check import Contradiction, OrderCheck
from fanout_pipeline.measuring.single_items import items_at, results_at
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.types.arrow_types import read_back

_ITEMS = 8
_SEEDS = (1, 2, 3, 4)
_ASKED_AT_MOST = 3
"""Times, as long as the answer is that nothing contradicts itself."""
_START_SECONDS = 60.0
"""For a process to import what the function needs."""
_SECONDS = (10.0, 120.0)
"""All calls together have so long: at least, at most."""
_CALLS_LONGER = 5
"""Than they took before; a call may be the first of its process."""
CAUSES = (
    "Usual causes: the order of a set, hash(), random numbers, the time, what earlier calls left "
    "behind, a file that it reads and that has changed."
)

Results = Mapping[int, Sequence[Any]]
"""By the item's index, all that were had."""


def told(contradiction: Contradiction) -> str:
    """The finding in a sentence, and what it usually comes from."""
    return (
        f"The function gives different results for the same item: for {contradiction.item} (index "
        f"{contradiction.index}) {contradiction.one} and {contradiction.other}. {CAUSES}"
    )


class Judge:
    """Of one function's results, for as many checks of them as there are."""

    def __init__(
        self,
        spec: FanoutSpec,
        log: Callable[[str], object] = lambda line: None,
        again: Callable[[Callable[[Any], Any], Mapping[int, Any], float], Results] | None = None,
    ):
        """`again` is `results_again`, unless many functions are to be called in the same processes."""
        self._spec = spec
        self._log = log
        self._again = again or results_again
        self._asked = 0
        self._digest: str | None = None
        """Of the reference's results, as they came first."""
        self.contradiction: Contradiction | None = None
        """As soon as it is found."""

    def reference(self, check: OrderCheck, made: Snapshot) -> OrderCheck:
        """The check of the reference, which is run again and again, by itself."""
        digest = made.manifest.digest
        self._digest = self._digest or digest
        if digest != self._digest:
            self.ask(_suspects(check), made, None)
            check = another_run(check, made, self._spec.tolerance)
        return self.without_values(check, keeps_order=True)

    def judged(
        self, check: OrderCheck, ours: Snapshot, reference: Snapshot, keeps_order: bool
    ) -> OrderCheck:
        """The check of ours, or what can be said where the function contradicts itself."""
        faults = check.missing or check.duplicated or check.wrong
        # A lost order by itself is no news of a strategy that keeps none.
        if check.faultless or not (faults or keeps_order):
            return check
        self.ask(_suspects(check), ours, reference)
        return self.without_values(check, keeps_order)

    def ask(self, suspects: Sequence[int], ours: Snapshot, reference: Snapshot | None) -> None:
        """Look for a contradiction in these items: of new results with each other, and the reference."""
        if self.contradiction is not None or self._asked >= _ASKED_AT_MOST or not suspects:
            return
        self._asked += 1
        items = dict(items_at(self._spec.source, sorted(suspects)))
        self._log(
            f"{self._spec.name}: results differ. Calls the function again on {len(items)} of these "
            f"items in {len(_SEEDS)} new processes, to see whether it gives the same each time."
        )
        parts = ours.manifest.parts
        call_seconds = sum(p.call_seconds for p in parts) / max(1, ours.manifest.items)
        recorded = results_at(reference, items) if reference else {}
        for index, results in self._again(self._spec.function, items, call_seconds).items():
            pairs = [(results[0], other) for other in results[1:]]
            if reference is not None and index in recorded and results:
                with suppress(Exception):  # another type, which its like will be told from
                    back = read_back(results[0], reference.manifest.kind)
                    pairs.insert(0, (recorded[index], back))
            for one, other in pairs:
                if difference(one, other) > self._spec.tolerance:
                    told = short_repr(items[index]), short_repr(one), short_repr(other)
                    self.contradiction = Contradiction(index, *told)
                    return

    def without_values(self, check: OrderCheck, keeps_order: bool) -> OrderCheck:
        """Where there is a contradiction: what is known without looking at values.

        Each index is there once and in order, or the results would not have been read; which proves
        the order where a strategy gives a result the index of its item.
        """
        if self.contradiction is None:
            return check
        return replace(
            check,
            out_of_place=0,
            missing=max(0, check.expected_items - check.items),
            duplicated=max(0, check.items - check.expected_items),
            wrong=0,
            first_divergent_index=None,
            displaced=(),
            lost=(),
            repeated=(),
            foreign=(),
            inexact=0,
            largest_difference=0.0,
            contradiction=self.contradiction,
            order_proved=keeps_order,
        )


def another_run(check: OrderCheck, made: Snapshot, tolerance: float) -> OrderCheck:
    """The check of a run that gave what another, which is there no more, did not give.

    Floats are the same to their last digits at best.
    """
    if check.faultless and tolerance and has_floats(made.manifest.kind):
        return replace(check, inexact=max(1, check.inexact))
    return replace(check, wrong=max(1, check.wrong))


def results_again(
    function: Callable[[Any], Any], items: Mapping[int, Any], call_seconds: float
) -> Results:
    """What fresh processes give for these items, by their indexes; nothing of those that failed.

    `call_seconds` is what a call took before.
    """
    order = list(items)
    results: dict[int, list[Any]] = {index: [] for index in order}
    least, most = _SECONDS
    seconds = min(most, max(least, _CALLS_LONGER * 2 * len(order) * call_seconds))
    with ExitStack() as processes, suppress(TypeError):  # It cannot be sent.
        asked = []
        for turn, seed in enumerate(_SEEDS):
            process = processes.enter_context(RepeatingWorker(_environment(seed)))
            indexes = _swapped(order) if turn % 2 else order
            if turn >= len(_SEEDS) // 2:
                indexes = [index for index in indexes for _ in range(2)]
            process.call_each(function, [items[index] for index in indexes])
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


def _swapped(order: Sequence[int]) -> list[int]:
    """Each with its neighbour: a counter then counts others, and a short time is enough for a pair."""
    pairs: Iterator[Sequence[int]] = (order[at : at + 2] for at in range(0, len(order), 2))
    return [index for pair in pairs for index in reversed(pair)]


def _environment(seed: int) -> dict[str, str]:
    # Who has chosen one seed for all processes has made hash() the same in all.
    chosen = os.environ.get("PYTHONHASHSEED", "random") not in ("", "random")
    return {} if chosen else {"PYTHONHASHSEED": str(seed)}
