"""Who takes part in the next round of trials: what is known of each contender, and its share of the budget."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.measuring.correctness.order_check import OrderCheck
from fanout_pipeline.measuring.statistics.inference import MIN_ROUNDS, ROUNDS_FOR_RATIO
from fanout_pipeline.measuring.trials.time_limit import limit_seconds

_CLEARLY_SLOWER = 3.0
"""Few trials suffice for a contender that takes this many times longer than the reference."""
_FEW_TRIALS = 20
"""More would only make the rounds longer, in which contenders that are close are compared."""
_HOPELESS = 1.5
"""Where time is short, a contender that takes this many times longer than the best runs once."""


class Contender(Protocol):
    """One strategy, ready to be run."""

    @property
    def name(self) -> str: ...

    @property
    def warms_up(self) -> bool:
        """Whether a first run in this process is slower than later ones."""

    @property
    def remark(self) -> str:
        """What a reader has to know of how it is run; empty if nothing."""

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        """Run once, from the file on disk to committed parts on disk.

        `again`: run once more with the same workers, where they can be kept. Raises TookTooLong after
        `limit_seconds`, where the run can be ended.
        """

    def check(self, run: RunRecord) -> OrderCheck:
        """Compare the results of the last run with the reference's."""


@dataclass(slots=True, eq=False)
class Entrant:
    """A contender and how it has fared so far."""

    contender: Contender
    control: bool = False
    """True for the reference's second run of each round."""
    costs: list[float] = field(default_factory=list)
    """The seconds of each of its trials, checking included."""
    wall_seconds: float = 0.0
    """The run time of its last trial, without what only the first run of a process pays for."""
    counted: int = 0
    """How many of its trials were no warm-up."""
    failure: str | None = None
    """The error of its last trial; it takes part no more."""
    credit: float = 0.0
    """It takes part in a round when this reaches 1, which spreads its rounds evenly."""

    def cost(self, guess: float) -> float:
        """What its next trial will cost. Its first counts only as long as it is the only one."""
        later = self.costs[1:] or self.costs
        return sum(later) / len(later) if later else guess


def guessed_cost(entrants: Sequence[Entrant], entrant: Entrant) -> float:
    """What a contender that has never run may cost, judging by the others.

    A Dagster run: as much as the slowest. A strategy inside this process: the median, because on a
    slow machine the slow ones would otherwise keep the fast ones from ever being tried.
    """
    known = [other.cost(0.0) for other in entrants if other.costs]
    if not known:
        return 0.0
    return statistics.median(known) if entrant.contender.warms_up else max(known)


def trial_limit(entrants: Sequence[Entrant], entrant: Entrant) -> float | None:
    """How many seconds a contender's next trial may take; None where nothing is known yet."""
    if entrant.costs:
        return limit_seconds(entrant.cost(0.0), known=True)
    # Not by the slowest, as the budget is planned: it does the same work as the reference.
    reference = entrants[0]
    return limit_seconds(reference.wall_seconds, known=False) if reference.costs else None


def next_round(
    entrants: Sequence[Entrant], seconds: float, begun: int, rounds_at_most: int
) -> list[Entrant]:
    """Who takes part in the next round, with so many seconds left after so many rounds; empty at the end.

    Each contender gets an equal share of the time; what the fast do not need goes to the slow. The
    plan is made anew for each round, so that a wrong guess does not cost the others their rounds.
    Where that gives too few rounds, they race.
    """
    entrants = [entrant for entrant in entrants if entrant.failure is None]
    costs = {id(entrant): entrant.cost(guessed_cost(entrants, entrant)) for entrant in entrants}
    reference_cost = costs[id(entrants[0])]
    rounds = rounds_at_most - begun
    wanted: dict[int, float] = {}
    left = max(0.0, seconds)
    by_cost = sorted(entrants, key=lambda entrant: costs[id(entrant)])
    for position, entrant in enumerate(by_cost):
        cost = costs[id(entrant)]
        share = left / (len(by_cost) - position)
        most = rounds
        if cost > _CLEARLY_SLOWER * reference_cost:
            most = min(rounds, max(0, _FEW_TRIALS - entrant.counted))
        trials = most if cost * most <= share else share / cost
        wanted[id(entrant)] = trials
        left -= trials * cost
    # There are no rounds without the reference, and everyone gets one chance.
    planned = min(int(wanted[id(entrant)]) for entrant in entrants[:2])
    if planned < min(rounds, max(1, ROUNDS_FOR_RATIO - begun)):
        return _race(entrants, costs, seconds)
    is_last = begun + 1 == rounds_at_most
    taking_part = []
    for entrant in entrants:
        if not entrant.counted and (is_last or begun >= min(ROUNDS_FOR_RATIO, planned)):
            # Its one chance comes after the others have what a verdict takes, because its cost may be
            # unknown, and before the rest of the time is shared out.
            entrant.credit = 1.0
        elif entrant.costs or entrant.contender.warms_up:
            trials = max(wanted[id(entrant)], float(not entrant.counted))
            entrant.credit += min(1.0, trials / planned)
        if entrant.credit >= 1:
            entrant.credit -= 1
            taking_part.append(entrant)
    return taking_part


def _race(entrants: Sequence[Entrant], costs: Mapping[int, float], seconds: float) -> list[Entrant]:
    """A round where there is no time for all: first everyone once, then those that may be the best.

    The control takes part where no pair is lost by it. Empty where there is no time for a pair.
    """
    reference, control, *others = sorted(
        entrants, key=lambda one: (one is not entrants[0], not one.control, costs[id(one)])
    )
    left = seconds - costs[id(reference)]
    untried = [entrant for entrant in others if not entrant.counted]
    best = [one for one in others if costs[id(one)] <= _HOPELESS * costs[id(others[0])]]
    wished = [one for one in untried or best if costs[id(one)] <= left]
    if left < 0 or (others and not wished):
        return []
    # As many as can have the rounds that it takes to say anything, but at least the best.
    again = max(1, MIN_ROUNDS - wished[0].counted) if wished and not untried else 1
    taking_part = [reference]
    for entrant in wished:
        if len(taking_part) == 1 or again * costs[id(entrant)] <= left:
            left -= costs[id(entrant)]
            taking_part.append(entrant)
    pair = costs[id(reference)] + (costs[id(wished[0])] if wished else 0.0)
    after = left - costs[id(control)]
    if not untried and after >= 0 and left // pair == after // pair:
        taking_part.append(control)
    return taking_part


def ordered(
    taking_part: Sequence[Entrant], entrants: Sequence[Entrant], order: Sequence[int]
) -> list[Entrant]:
    """As `order` of all entrants has it, except that those of unknown cost come last, as listed.

    The slowest of them might otherwise keep the others from their chance.
    """
    known = [entrants[n] for n in order if entrants[n] in taking_part and entrants[n].costs]
    return known + [entrant for entrant in taking_part if not entrant.costs]


def balanced_orders(count: int, seed: str) -> Iterator[list[int]]:
    """Orders of so many entrants, one for each round, without end; the same for the same seed.

    Latin squares balanced for what the one before leaves behind (Williams 1949): within `count` rounds,
    twice as many for odd counts, each has each place equally often, and follows each other equally often.
    """
    chance = random.Random(seed)  # noqa: S311 (an order, not a secret)
    zigzag = [(place + 1) // 2 if place % 2 else -(place // 2) for place in range(count)]
    while True:
        names = chance.sample(range(count), count)
        square = [[names[(step + shift) % count] for step in zigzag] for shift in range(count)]
        if count % 2:
            square += [row[::-1] for row in square]
        chance.shuffle(square)
        yield from square
