"""Who runs in the next round of trials: what has to be known of each contender, and the budget's shares."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.measuring.inference import MIN_ROUNDS
from fanout_pipeline.measuring.limits import limit_seconds
from fanout_pipeline.measuring.order_check import OrderCheck

_PLAINLY = 3.0
"""What takes so many times as long as the reference is told from it by few trials,"""
_ENOUGH = 20
"""by these. More would only draw the rounds out, in which those that are close are compared."""


class Contender(Protocol):
    """One strategy, ready to be run."""

    @property
    def name(self) -> str: ...

    @property
    def warms_up(self) -> bool:
        """Whether a first run in this process is slower than later ones."""

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        """Run once, from the file on disk to committed parts on disk; `again` by the workers that are
        there then, where they can be kept. Raises TookTooLong after so many seconds, if it can."""

    def check(self, run: RunRecord) -> OrderCheck:
        """Compare the results of the last run with the reference's."""


@dataclass(slots=True)
class Slot:
    """A contender's place in every round."""

    contender: Contender
    control: bool = False
    costs: list[float] = field(default_factory=list)
    """Of each of its trials, checking included."""
    wall_seconds: float = 0.0
    """Of its last trial: without what only the first of a process pays for."""
    counted: int = 0
    """How many of them were no warm-up."""
    failure: str | None = None
    """What it raised; it takes no part any more."""
    credit: float = 0.0
    """It takes part in a round when this has come to 1: its rounds are then spread evenly."""

    def cost(self, guess: float) -> float:
        """What its next trial will cost; its first is the best guess as long as there is no other."""
        later = self.costs[1:] or self.costs
        return sum(later) / len(later) if later else guess


def guessed_cost(slots: Sequence[Slot], slot: Slot) -> float:
    """What a contender that was never run may cost, by those that were.

    As much as the slowest, for a run of Dagster's; one inside this process gets the benefit of the
    doubt, or on a slow machine the slow would keep the fast from ever being tried.
    """
    known = [other.cost(0.0) for other in slots if other.costs]
    if not known:
        return 0.0
    return statistics.median(known) if slot.contender.warms_up else max(known)


def limit_of(slots: Sequence[Slot], slot: Slot) -> float | None:
    """How long a contender's next trial may take; None: as long as it likes, for nothing is known."""
    if slot.costs:
        return limit_seconds(slot.cost(0.0), known=True)
    # Not by the slowest, as a budget has to: it is the same work as the reference's.
    reference = slots[0]
    return limit_seconds(reference.wall_seconds, known=False) if reference.costs else None


def next_round(
    slots: Sequence[Slot], seconds: float, begun: int, rounds_at_most: int
) -> list[Slot]:
    """Who takes part in the next round, if so many seconds are left and so many rounds were run.

    Each gets an equal share of the time; what the fast leave goes to the slow, as far as they need it.
    It is planned anew for each round, so that a guess that was wrong does not cost the others their
    rounds.
    """
    slots = [slot for slot in slots if slot.failure is None]
    costs = {id(slot): slot.cost(guessed_cost(slots, slot)) for slot in slots}
    rounds = rounds_at_most - begun
    wanted: dict[int, float] = {}
    left = max(0.0, seconds)
    by_cost = sorted(slots, key=lambda slot: costs[id(slot)])
    for position, slot in enumerate(by_cost):
        cost = costs[id(slot)]
        share = left / (len(by_cost) - position)
        most = rounds
        if cost > _PLAINLY * costs[id(slots[0])]:
            most = min(rounds, max(0, _ENOUGH - slot.counted))
        trials = most if cost * most <= share else share / cost
        wanted[id(slot)] = trials
        left -= trials * cost
    if 2 * costs[id(slots[0])] > seconds:
        return []
    # There are no rounds without the reference, and everyone gets one chance.
    rounds = max(1, min(int(wanted[id(slot)]) for slot in slots[:2]))
    taking_part = []
    for slot in slots:
        if not slot.counted and begun >= min(MIN_ROUNDS, rounds):
            # Its one chance: after the others have what a verdict takes, for what it costs may not
            # be known, and before the rest of the time is shared out.
            slot.credit = 1.0
        elif slot.costs or slot.contender.warms_up:
            slot.credit += min(1.0, max(wanted[id(slot)], float(not slot.counted)) / rounds)
        if slot.credit >= 1:
            slot.credit -= 1
            taking_part.append(slot)
    return taking_part


def shuffled(slots: Sequence[Slot], order: random.Random) -> list[Slot]:
    """In any order, but for those of unknown cost: they come last, as listed, or the slowest of them
    would keep the others from their chance."""
    known = [slot for slot in slots if slot.costs]
    order.shuffle(known)
    return known + [slot for slot in slots if not slot.costs]
