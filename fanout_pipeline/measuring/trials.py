"""Trials: every contender run again and again, in rounds, in an order shuffled within each round.

    warm-up rounds -> rounds 1 .. n: [reference, reference again, a, b, c, …] shuffled by the seed

What disturbs a round (a neighbour, a drifting clock rate) disturbs all that is in it, so ratios are
taken within rounds. The reference runs twice a round: how far the two differ is how far any two
may differ by chance. The budget is shared out so that slow contenders leave the fast their rounds.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fanout_pipeline.fanout.run import RunRecord
from fanout_pipeline.measuring.conditions import Conditions, conditions
from fanout_pipeline.measuring.inference import MIN_ROUNDS
from fanout_pipeline.measuring.order_check import OrderCheck
from fanout_pipeline.parts.visible import visible_lines


@dataclass(frozen=True, slots=True)
class Trial:
    """One timed run of one strategy, raw."""

    run_id: str
    round: int
    """From 1; warm-up rounds are 0, -1, …"""
    position: int
    """In the round, from 0."""
    strategy: str
    control: bool
    """The reference's second run of the round."""
    warm_up: bool
    began: float
    """Seconds since the epoch."""
    wall_seconds: float
    """Cold: starting workers, from cutting the source to committed parts, stopping workers."""
    start_seconds: float
    run_seconds: float
    commit_seconds: float
    stop_seconds: float
    warm_seconds: float | None
    """Of a second run by the same workers, or of the only run where no processes are started; None
    where they cannot be kept."""
    phases: dict[str, float]
    """By the names of `fanout.phases.PHASES`; they sum to `wall_seconds`."""
    sent_bytes: int
    pickle_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    items: int
    chunks: int
    workers: int
    start_method: str
    load_before: float | None
    load_after: float | None
    throttled_seconds: float | None
    """For how long the cgroup's quota held processes back during the trial."""
    digest: str
    out_of_place: int
    missing: int
    duplicated: int
    wrong: int

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def correct(self) -> bool:
        return not (self.out_of_place or self.missing or self.duplicated or self.wrong)


_LINE_SECONDS = 5.0
_WARM_UP_SHARE = 0.3
"""Of the budget, for warming up: the rest is for trials that count."""
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

    def run(self, again: bool) -> RunRecord:
        """Run once, from the file on disk to committed parts on disk; `again` by the workers that are
        there then, where they can be kept."""

    def check(self, run: RunRecord) -> OrderCheck:
        """Compare the results of the last run with the reference's."""


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How much to measure."""

    rounds: int = 100
    """At most."""
    budget_seconds: float = 65.0
    """No trial begins that would end later, but for the reference's first."""
    warm_up_rounds: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials of one run, and what was left out."""

    trials: tuple[Trial, ...]
    rounds: int
    """Rounds that the reference was run in, warm-up not counted."""
    remarks: tuple[str, ...] = ()
    """What a reader has to know: who ran in fewer rounds, what the budget cut off."""
    failures: dict[str, str] = field(default_factory=dict)
    """What strategies raised, which were left out from there on."""


@dataclass(slots=True)
class _Slot:
    """A contender's place in every round."""

    contender: Contender
    control: bool = False
    costs: list[float] = field(default_factory=list)
    """Of each of its trials, checking included."""
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


def run_trials(
    reference: Contender,
    others: Sequence[Contender],
    options: TrialOptions,
    *,
    run_id: str = "",
    record: Callable[[Trial], object] = lambda trial: None,
    log: Callable[[str], object] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
    look: Callable[[], Conditions] = conditions,
) -> Trials:
    """Run all contenders in rounds; `record` gets each trial as it is finished.

    One that raises is left out from there on, and a remark says so. Raises what the reference raises.
    """
    first = _Slot(reference)
    slots = [first, _Slot(reference, control=True, costs=first.costs), *map(_Slot, others)]
    deadline = clock() + options.budget_seconds
    warm_until = clock() + _WARM_UP_SHARE * options.budget_seconds
    order = random.Random(options.seed)  # noqa: S311 (an order, not a secret)
    done: list[Trial] = []
    last_line = clock()

    def run_all(taking_part: Sequence[_Slot], number: int) -> None:
        position = 0
        until = deadline if number > 0 else warm_until
        for slot in taking_part:
            began = clock()
            # The first trial ever is the reference's: without it there is nothing to say.
            if done and began + slot.cost(_guess(slots, slot)) > until:
                continue
            try:
                trial = _trial(slot, run_id, number, position, look)
            except Exception as error:
                if slot.contender is reference:
                    raise
                slot.failure = visible_lines(f"{type(error).__name__}: {error}")
                log(f"{slot.contender.name} failed and is left out: {slot.failure}")
                continue
            slot.costs.append(clock() - began)
            slot.counted += number > 0
            position += 1
            done.append(trial)
            record(trial)

    for number in range(1 - options.warm_up_rounds, 1):
        # The reference first: the others are checked against its results.
        run_all([s for s in slots if s.contender.warms_up and not s.control], number)
    for number in range(1, options.rounds + 1):
        taking_part = _taking_part(slots, deadline - clock(), number - 1, options.rounds)
        if first not in taking_part:
            break
        run_all(_shuffled(taking_part, order), number)
        if clock() - last_line > _LINE_SECONDS:
            last_line = clock()
            log(f"trials: round {number} of at most {options.rounds}, {len(done)} trials")
    rounds = len({trial.round for trial in done if trial.round > 0 and trial.control})
    failures = {slot.contender.name: slot.failure for slot in slots if slot.failure is not None}
    return Trials(tuple(done), rounds, tuple(_remarks(slots, rounds, options)), failures)


def _guess(slots: Sequence[_Slot], slot: _Slot) -> float:
    """What a contender that was never run may cost, by those that were.

    As much as the slowest, for a run of Dagster's; one inside this process gets the benefit of the
    doubt, or on a slow machine the slow would keep the fast from ever being tried.
    """
    known = [other.cost(0.0) for other in slots if other.costs]
    if not known:
        return 0.0
    return statistics.median(known) if slot.contender.warms_up else max(known)


def _taking_part(
    slots: Sequence[_Slot], seconds: float, begun: int, rounds_at_most: int
) -> list[_Slot]:
    """Who takes part in the next round, if so many seconds are left and so many rounds were run.

    Each gets an equal share of the time; what the fast leave goes to the slow, as far as they need it.
    It is planned anew for each round, so that a guess that was wrong does not cost the others their
    rounds.
    """
    slots = [slot for slot in slots if slot.failure is None]
    costs = {id(slot): slot.cost(_guess(slots, slot)) for slot in slots}
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


def _shuffled(slots: Sequence[_Slot], order: random.Random) -> list[_Slot]:
    """In any order, but for those of unknown cost: they come last, as listed, or the slowest of them
    would keep the others from their chance."""
    known = [slot for slot in slots if slot.costs]
    order.shuffle(known)
    return known + [slot for slot in slots if not slot.costs]


def _remarks(slots: Sequence[_Slot], rounds: int, options: TrialOptions) -> Iterator[str]:
    if rounds < options.rounds:
        yield (
            f"The budget of {options.budget_seconds:g} s ended after {rounds} of "
            f"{options.rounds} rounds."
        )
    for slot in slots[2:]:
        if slot.failure is not None:
            first_line = slot.failure.partition("\n")[0]
            yield f"{slot.contender.name} failed after {slot.counted} rounds: {first_line}"
        elif slot.counted < rounds:
            seconds = f": it takes {slot.cost(0.0):.1f} s a trial" if slot.costs else ""
            yield f"{slot.contender.name} ran in {slot.counted} of {rounds} rounds{seconds}."


def _trial(
    slot: _Slot, run_id: str, number: int, position: int, look: Callable[[], Conditions]
) -> Trial:
    before = look()
    began = time.time()
    # A second run would warm nothing up.
    run = slot.contender.run(again=number > 0)
    after = look()
    check = slot.contender.check(run)
    return Trial(
        run_id=run_id,
        round=number,
        position=position,
        strategy=slot.contender.name,
        control=slot.control,
        warm_up=number < 1,
        began=began,
        wall_seconds=run.wall_seconds,
        start_seconds=run.start_seconds,
        run_seconds=run.run_seconds,
        commit_seconds=run.commit_seconds,
        stop_seconds=run.stop_seconds,
        warm_seconds=run.warm_seconds[-1] if run.warm_seconds else None,
        phases=run.phases,
        sent_bytes=run.sent_bytes,
        pickle_seconds=run.pickle_seconds,
        cpu_seconds=run.cpu_seconds,
        peak_rss_bytes=run.peak_rss_bytes,
        items=run.items,
        chunks=run.chunks,
        workers=run.workers,
        start_method=run.start_method,
        load_before=before.load,
        load_after=after.load,
        throttled_seconds=_difference(before.throttled_seconds, after.throttled_seconds),
        digest=run.digest,
        out_of_place=check.out_of_place,
        missing=check.missing,
        duplicated=check.duplicated,
        wrong=check.wrong,
    )


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
