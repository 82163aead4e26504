"""Trials: every contender run again and again, in rounds, in an order that is another one in each.

    warm-up rounds -> rounds 1 .. n: [reference, reference again, a, b, c, …] in a balanced order

What disturbs a round (another program, a drifting clock rate) disturbs everything in it, so ratios are
taken within rounds. The reference runs twice a round: how far the two differ is how far any two may
differ by chance. The budget is shared out so that slow contenders leave the fast ones their rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.system.blas_threads import as_in_workers
from fanout_pipeline.measuring.correctness.order_check import OrderCheck
from fanout_pipeline.measuring.formatting import duration, first_line
from fanout_pipeline.measuring.trials.machine import MachineLoad, machine_load
from fanout_pipeline.measuring.trials.round_plan import (
    Contender,
    Entrant,
    balanced_orders,
    guessed_cost,
    next_round,
    ordered,
    trial_limit,
)
from fanout_pipeline.measuring.trials.time_limit import TookTooLong
from fanout_pipeline.measuring.trials.trial import Trial, TrialOptions, Trials
from fanout_pipeline.results.files.printable import printable_lines

_LOG_EVERY_SECONDS = 5.0
_WARM_UP_SHARE = 0.3
"""The share of the budget that warming up may take; the rest is for trials that count."""
_OF_THE_RUN, _OF_THE_CHECK = (
    {one.name for one in fields(Trial)} & {one.name for one in fields(kind)}
    for kind in (RunRecord, OrderCheck)
)
"""The fields that a trial takes over as they are."""


def run_trials(
    reference: Contender,
    others: Sequence[Contender],
    options: TrialOptions,
    *,
    run_id: str = "",
    record: Callable[[Trial], object] = lambda trial: None,
    log: Callable[[str], object] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
    read_load: Callable[[], MachineLoad] = machine_load,
    new_session: Callable[[], object] = lambda: None,
) -> Trials:
    """Run all contenders in rounds; `record` gets each trial when it is finished.

    In all of them linear algebra has as many threads as in worker processes. A contender that raises,
    or takes so long that it must be hanging, takes no further part, and a remark says so. Raises what
    the reference raises.
    """
    rounds = _Rounds(reference, others, options, run_id, record, log, clock, read_load)
    with as_in_workers():
        for number in range(1 - options.warm_up_rounds, 1):
            if rounds.has_begun:
                break
            # The reference first: the others are checked against its results.
            entrants = [e for e in rounds.entrants if e.contender.warms_up and not e.control]
            rounds.run(entrants, number)
        for session in range(1, options.sessions + 1):
            if session > 1:
                new_session()
            rounds.run_session(session)
    return rounds.finished()


class _Rounds:
    """The trials of one run while they are made."""

    def __init__(
        self,
        reference: Contender,
        others: Sequence[Contender],
        options: TrialOptions,
        run_id: str,
        record: Callable[[Trial], object],
        log: Callable[[str], object],
        clock: Callable[[], float],
        read_load: Callable[[], MachineLoad],
    ):
        first = Entrant(reference)
        control = Entrant(reference, control=True, costs=first.costs)
        self.entrants = [first, control, *map(Entrant, others)]
        self.done: list[Trial] = []
        self.deadline = clock() + options.budget_seconds
        """Moved by the time that is lost on contenders that hang: the others keep their budget."""
        self._warm_up_deadline = clock() + _WARM_UP_SHARE * options.budget_seconds
        self._last_line = clock()
        self._session = 1
        self._paid = 0.0
        """What the reference's run in round 1 took, if it was to warm up and there is no time for that."""
        self._options = options
        self._run_id = run_id
        self._record = record
        self._log = log
        self._clock = clock
        self._read_load = read_load

    @property
    def has_begun(self) -> bool:
        """Whether there is a trial that counts."""
        return any(not trial.warm_up for trial in self.done)

    def run_session(self, session: int) -> None:
        """Run the rounds of a session, until its share of them or of the budget is used up."""
        options = self._options
        self._session = session
        most = -(-options.rounds // options.sessions)
        orders = balanced_orders(len(self.entrants), f"{self._run_id} {options.seed} {session}")
        for begun in range(most):
            number = (session - 1) * most + begun + 1
            later = (options.sessions - session) / options.sessions * options.budget_seconds
            left = self.deadline - later - self._clock() + self._paid
            taking_part = next_round(self.entrants, left, begun, most)
            if not taking_part:
                break
            if self._paid:
                self._paid = 0.0
                taking_part.remove(self.entrants[0])
            self.run(ordered(taking_part, self.entrants, next(orders)), number)
            if self._clock() - self._last_line > _LOG_EVERY_SECONDS:
                self._last_line = self._clock()
                self._log(
                    f"trials: round {number} of at most {options.rounds}, {len(self.done)} trials"
                )

    def run(self, entrants: Sequence[Entrant], number: int) -> None:
        """Run a round, or a warm-up round: the trials of those for which there is time."""
        position = sum(trial.round == number for trial in self.done)
        for entrant in entrants:
            began = self._clock()
            deadline = self.deadline if number > 0 else self._warm_up_deadline
            # The first trial ever is the reference's: without it there is nothing to say.
            if self.done and began + entrant.cost(guessed_cost(self.entrants, entrant)) > deadline:
                continue
            try:
                trial = self._trial(entrant, number, position)
            except Exception as error:
                if entrant.contender is self.entrants[0].contender:
                    raise
                self._leave_out(entrant, error, self._clock() - began)
                continue
            entrant.costs.append(self._clock() - began)
            entrant.wall_seconds = trial.wall_seconds
            if not self.done and number < 1:
                warm_up = entrant.costs[0] * len(entrants)
                if warm_up > _WARM_UP_SHARE * self._options.budget_seconds:
                    trial = replace(trial, round=1, warm_up=False)
                    self._paid = entrant.costs[0]
            entrant.counted += not trial.warm_up
            position += 1
            self.done.append(trial)
            self._record(trial)
            if self._paid and number < 1:
                return

    def finished(self) -> Trials:
        """What was run and what was left out."""
        rounds = len({trial.round for trial in self.done if not trial.warm_up and trial.position})
        failures = {e.contender.name: e.failure for e in self.entrants if e.failure is not None}
        return Trials(tuple(self.done), rounds, tuple(self._remarks(rounds)), failures)

    def _leave_out(self, entrant: Entrant, error: Exception, seconds: float) -> None:
        """Let a contender that has failed in a trial of so many seconds take no further part."""
        entrant.failure = printable_lines(f"{type(error).__name__}: {error}")
        self._log(f"{entrant.contender.name} failed and is left out: {entrant.failure}")
        if isinstance(error, TookTooLong):
            self.deadline += seconds
            self._warm_up_deadline += seconds

    def _remarks(self, rounds: int) -> Iterator[str]:
        if rounds < self._options.rounds:
            yield (
                f"The budget of {self._options.budget_seconds:g} s ended after {rounds} of "
                f"{self._options.rounds} rounds."
            )
        for entrant in self.entrants[2:]:
            name, counted = entrant.contender.name, entrant.counted
            if entrant.failure is not None:
                yield f"{name} failed after {counted} rounds: {first_line(entrant.failure)}"
            elif counted < rounds:
                cost = duration(entrant.cost(0.0))
                each = f", at {cost} a trial and its check" if entrant.costs else ""
                yield f"{name} ran in {counted} of {rounds} rounds{each}."
        yield from dict.fromkeys(filter(None, (e.contender.remark for e in self.entrants)))

    def _trial(self, entrant: Entrant, number: int, position: int) -> Trial:
        before = self._read_load()
        began = time.time()
        # In a warm-up round there is nothing to run again for.
        run = entrant.contender.run(number > 0, trial_limit(self.entrants, entrant))
        after = self._read_load()
        check = entrant.contender.check(run)
        taken_over: dict[str, Any] = {name: getattr(run, name) for name in _OF_THE_RUN}
        taken_over |= {name: getattr(check, name) for name in _OF_THE_CHECK}
        return Trial(
            **taken_over
            | {
                "run_id": self._run_id,
                "round": number,
                "position": position,
                "control": entrant.control,
                "warm_up": number < 1,
                "session": self._session,
                "began": began,
                "items": run.items,
                "warm_seconds": run.warm_seconds[-1] if run.warm_seconds else None,
                "load_before": before.load,
                "load_after": after.load,
                "throttled_seconds": before.throttled_until(after),
                "largest_difference": float(check.largest_difference),
            }
        )
