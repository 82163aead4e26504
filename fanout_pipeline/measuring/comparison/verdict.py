"""Which strategy to use, as far as the trials can tell, in one sentence and with its grounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row, related
from fanout_pipeline.measuring.comparison.descriptions import compared, first_line, told
from fanout_pipeline.measuring.comparison.estimate import pays_from
from fanout_pipeline.measuring.statistics.inference import MAX_NOISE, MIN_ROUNDS, Claim, claim
from fanout_pipeline.measuring.trials.rounds import Trial

STAY_SERIAL = "stay serial"
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, why, and whether to rely on it."""

    use: str
    """A strategy's name, "stay serial" or "cannot tell"."""
    reason: str
    """The rest of the sentence."""
    trusted: bool
    """False where the verdict is withheld: `use` is then "cannot tell"."""
    strategy: str | None = None
    """The strategy that the ratio is of: the one to use, or the best of those not to use."""
    ratio: float | None = None
    ratio_ci95: tuple[float, float] | None = None
    grounds: tuple[str, ...] = ()
    """Sentences: vectorising apart from fanning out, cold apart from warm, chance."""

    @property
    def sentence(self) -> str:
        use = f"Use {self.use}" if self.use not in (STAY_SERIAL, CANNOT_TELL) else self.use
        return f"{use[0].upper()}{use[1:]}: {self.reason}."


def decide(comparison: Comparison, trials: Sequence[Trial]) -> Verdict:
    """The fastest strategy with right results that is told from the reference, if there is one."""
    grounds = tuple(_grounds(comparison))
    withheld = _withheld(comparison)
    if withheld:
        return Verdict(CANNOT_TELL, withheld, False, grounds=grounds)
    rows = [row for row in comparison.rows if row.cold is not None and row.eligible]
    if not rows:
        return _alone(comparison, grounds)
    best = min(rows, key=_ratio)
    faster = [row for row in rows if row.claim is Claim.FASTER]
    if faster and best.claim is not Claim.TOO_FEW:
        return _use(comparison, trials, min(faster, key=_ratio), rows, grounds)
    if best.claim is Claim.SLOWER:
        return _stay(comparison, rows, grounds)
    assert best.cold is not None
    measured = _measured(best, grounds)
    if best.claim is Claim.TOO_FEW:
        reason = (
            f"{best.strategy} ran in {best.cold.rounds} rounds only, {MIN_ROUNDS} are needed; "
            "raise budget_seconds"
        )
    else:
        reason = (
            f"{best.strategy} and {comparison.reference} are not told apart "
            f"({_interval(best)} times as long, chance {_percent(comparison.noise)}); raise rounds, "
            "or take the simpler"
        )
    return Verdict(CANNOT_TELL, reason, False, *measured)


def _ratio(row: Row) -> float:
    assert row.cold is not None
    return row.cold.ratio


def _withheld(comparison: Comparison) -> str | None:
    if comparison.items == 0:
        return "there are no items"
    if comparison.rounds < MIN_ROUNDS:
        return (
            f"only {comparison.rounds} whole rounds were run, {MIN_ROUNDS} are needed; "
            "raise budget_seconds"
        )
    if comparison.noise > MAX_NOISE:
        return (
            f"two identical runs differ by {_percent(comparison.noise)}, over {_percent(MAX_NOISE)}; "
            "free the machine or raise rounds"
        )
    return None


def _alone(comparison: Comparison, grounds: tuple[str, ...]) -> Verdict:
    """There is nothing right beside the reference, or there is nothing at all."""
    reference, failures = comparison.reference, comparison.run.failures
    if any(row.cold is not None for row in comparison.rows):
        reason = f"nothing but {reference} gave right results"
        return Verdict(STAY_SERIAL, reason, True, grounds=grounds)
    if failures:
        reason = f"{' and '.join(failures)} failed, and nothing else was compared with {reference}"
    else:
        reason = f"nothing was compared with {reference}; name strategies, or raise budget_seconds"
    return Verdict(CANNOT_TELL, reason, False, grounds=grounds)


def _use(
    comparison: Comparison,
    trials: Sequence[Trial],
    fastest: Row,
    rows: Sequence[Row],
    grounds: tuple[str, ...],
) -> Verdict:
    """The fastest of those that are told from the reference, or one that is simpler and as fast."""
    chosen = _simplest(comparison, trials, fastest, rows)
    reason = compared(chosen, comparison.reference)
    if chosen is not fastest:
        reason += f"; {fastest.strategy} is not told from it, and {chosen.strategy} is the simpler"
    for row in rows:
        if row.claim is Claim.SAME and _ratio(row) < _ratio(fastest):
            reason += f"; {row.strategy} may be faster ({_interval(row)} times as long as {comparison.reference})"
    return Verdict(chosen.strategy, reason, True, *_measured(chosen, grounds))


def _simplest(
    comparison: Comparison, trials: Sequence[Trial], best: Row, rows: Sequence[Row]
) -> Row:
    """Of those that are faster than the reference and not told from the best, the first listed."""
    for row in rows:
        if row is best:
            return best
        if row.claim is Claim.FASTER:
            apart = related(trials, row.strategy, best.strategy)
            if apart is not None and claim(apart, comparison.noise) is Claim.SAME:
                return row
    return best


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _interval(row: Row) -> str:
    assert row.cold is not None
    return f"{row.cold.low:.2f}-{row.cold.high:.2f}"


def _stay(comparison: Comparison, rows: Sequence[Row], grounds: tuple[str, ...]) -> Verdict:
    """Why not, and from where on it pays: of the way to fan out that would pay soonest."""
    found = [(pays_from(comparison, row), row) for row in rows if not row.batch]
    paying = [(pays, row) for pays, row in found if pays is not None]
    pays, row = min(paying, key=lambda one: one[0].order, default=(None, min(rows, key=_ratio)))
    reason = f"{row.strategy} {compared(row, comparison.reference, would_be=True)}"
    if pays is not None:
        reason += f"; {pays.sentence}"
    return Verdict(STAY_SERIAL, reason, True, *_measured(row, grounds))


def _measured(
    row: Row, grounds: tuple[str, ...]
) -> tuple[str, float, tuple[float, float] | None, tuple[str, ...]]:
    assert row.cold is not None
    low, high = row.cold.low, row.cold.high
    return (
        row.strategy,
        row.cold.ratio,
        None if low is None or high is None else (low, high),
        grounds,
    )


def _grounds(comparison: Comparison) -> Iterator[str]:
    reference = comparison.reference
    others = [row for row in comparison.rows if row.cold is not None and row.eligible]
    batch = [row for row in others if row.batch]
    fanned = [row for row in others if not row.batch]
    for row in batch:
        yield f"Vectorising: {_against(row, comparison)}; it is no fan-out."
    if fanned:
        best = min(fanned, key=_ratio)
        yield f"Fanning out, the best way: {_against(best, comparison)}."
    for row in fanned:
        if row.cold and row.warm and row.start_seconds > 0.01 and row.trials >= MIN_ROUNDS:
            cold, warm = told(row.cold, comparison), told(row.warm, comparison)
            yield (
                f"{row.strategy} started cold was {cold}; with workers that are there already, {warm}."
            )
    for name, failure in comparison.run.failures.items():
        if comparison.row(name) is None:
            yield f"{name} failed ({first_line(failure)}): it was left out."
    yield from _rightness(comparison)
    if math.isfinite(comparison.noise):
        yield (
            f"Chance: two identical strategies may seem to differ by {100 * comparison.noise:.1f} % "
            f"here ({reference} against itself, {comparison.rounds} rounds)."
        )


def _rightness(comparison: Comparison) -> Iterator[str]:
    if comparison.run.contradiction:
        yield (
            f"{comparison.run.contradiction} So the order cannot be proved by value: it was proved by "
            "index, each once and in order, and the results were counted."
        )
    for row in comparison.rows:
        if row.inexact:
            yield (
                f"{row.strategy} gave {row.inexact:,} results that differ from {comparison.reference}'s in the last "
                f"digits, by {row.largest_difference:.1g} of their value at most: within the tolerance."
            )
        if not row.eligible:
            yield f"{row.strategy} {_fault(row)}: it is not considered, however fast."


def _against(row: Row, comparison: Comparison) -> str:
    if row.claim is Claim.SAME:
        return f"{row.strategy} was not told from {comparison.reference} ({_interval(row)} times as long)"
    few = f" ({Claim.TOO_FEW})" if row.claim is Claim.TOO_FEW else ""
    return f"{row.strategy} was {compared(row, comparison.reference)}{few}"


def _fault(row: Row) -> str:
    if row.failure is not None:
        return f"failed ({first_line(row.failure)})"
    faults = [
        f"{count:,} {what}"
        for count, what in (
            (row.out_of_place, "results out of order"),
            (row.missing, "results too few"),
            (row.duplicated, "results twice"),
            (row.wrong, "wrong results"),
        )
        if count
    ]
    return f"gave {' and '.join(faults)}" if faults else "keeps no order, but by chance as here"
