"""Trials: every contender run again and again, in rounds, in an order shuffled within each round.

    warm-up rounds -> rounds 1 .. n: [reference, reference again, a, b, c, …] shuffled by the seed

What disturbs a round (a neighbour, a drifting clock rate) disturbs all that is in it, so ratios are
taken within rounds. The reference runs twice a round: how far the two differ is how far any two
may differ by chance. The budget is shared out so that slow contenders leave the fast their rounds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fanout_pipeline.engine.system.blas_threads import as_in_workers
from fanout_pipeline.measuring.conditions import Conditions, conditions
from fanout_pipeline.measuring.limits import TookTooLong
from fanout_pipeline.measuring.quantities import duration
from fanout_pipeline.measuring.round_plan import (
    Contender,
    Slot,
    guessed_cost,
    limit_of,
    next_round,
    shuffled,
)
from fanout_pipeline.results.files.printable import printable_lines


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
    inexact: int = 0
    """Results that differ from the reference's in the last digits of floats, within the tolerance."""
    largest_difference: float = 0.0
    """Of these, relative."""

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def correct(self) -> bool:
        return not (self.out_of_place or self.missing or self.duplicated or self.wrong)


_LINE_SECONDS = 5.0
_WARM_UP_SHARE = 0.3
"""Of the budget, for warming up: the rest is for trials that count."""


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

    Linear algebra has as many threads in all of them as in worker processes. One that raises, or
    takes so long that it hangs, is left out from there on, and a remark says so. Raises what the
    reference raises.
    """
    first = Slot(reference)
    slots = [first, Slot(reference, control=True, costs=first.costs), *map(Slot, others)]
    deadline = clock() + options.budget_seconds
    warm_until = clock() + _WARM_UP_SHARE * options.budget_seconds
    order = random.Random(options.seed)  # noqa: S311 (an order, not a secret)
    done: list[Trial] = []
    last_line = clock()

    lost_seconds = 0.0
    """On contenders that hung: the others have their budget all the same."""

    def run_all(taking_part: Sequence[Slot], number: int) -> None:
        nonlocal lost_seconds
        position = 0
        for slot in taking_part:
            began = clock()
            until = (deadline if number > 0 else warm_until) + lost_seconds
            # The first trial ever is the reference's: without it there is nothing to say.
            if done and began + slot.cost(guessed_cost(slots, slot)) > until:
                continue
            try:
                trial = _trial(slot, limit_of(slots, slot), run_id, number, position, look)
            except Exception as error:
                if slot.contender is reference:
                    raise
                lost_seconds += _left_out(slot, error, clock() - began, log)
                continue
            slot.costs.append(clock() - began)
            slot.wall_seconds = trial.wall_seconds
            slot.counted += number > 0
            position += 1
            done.append(trial)
            record(trial)

    with as_in_workers():
        for number in range(1 - options.warm_up_rounds, 1):
            # The reference first: the others are checked against its results.
            run_all([s for s in slots if s.contender.warms_up and not s.control], number)
        for number in range(1, options.rounds + 1):
            left = deadline + lost_seconds - clock()
            taking_part = next_round(slots, left, number - 1, options.rounds)
            if first not in taking_part:
                break
            run_all(shuffled(taking_part, order), number)
            if clock() - last_line > _LINE_SECONDS:
                last_line = clock()
                log(f"trials: round {number} of at most {options.rounds}, {len(done)} trials")
    first_runs, second_runs = (
        {t.round for t in done if t.strategy == reference.name and t.control is c and not t.warm_up}
        for c in (False, True)
    )
    rounds = len(first_runs & second_runs)
    failures = {slot.contender.name: slot.failure for slot in slots if slot.failure is not None}
    return Trials(tuple(done), rounds, tuple(_remarks(slots, rounds, options)), failures)


def _left_out(slot: Slot, error: Exception, seconds: float, log: Callable[[str], object]) -> float:
    """Leave a contender out that has failed in a trial of so many seconds; how many of them are lost."""
    slot.failure = printable_lines(f"{type(error).__name__}: {error}")
    log(f"{slot.contender.name} failed and is left out: {slot.failure}")
    return seconds if isinstance(error, TookTooLong) else 0.0


def _remarks(slots: Sequence[Slot], rounds: int, options: TrialOptions) -> Iterator[str]:
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
            cost = f", at {duration(slot.cost(0.0))} a trial and its check" if slot.costs else ""
            yield f"{slot.contender.name} ran in {slot.counted} of {rounds} rounds{cost}."


def _trial(
    slot: Slot,
    limit_seconds: float | None,
    run_id: str,
    number: int,
    position: int,
    look: Callable[[], Conditions],
) -> Trial:
    before = look()
    began = time.time()
    # A second run would warm nothing up.
    run = slot.contender.run(number > 0, limit_seconds)
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
        inexact=check.inexact,
        largest_difference=float(check.largest_difference),
    )


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
