"""Which strategy to use, as far as the trials can tell, in one sentence and with its grounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fanout_pipeline.measuring.comparison.compare import related
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import (
    against_reference,
    interval,
    with_interval,
)
from fanout_pipeline.measuring.comparison.estimate import estimate_break_even
from fanout_pipeline.measuring.formatting import CANNOT_TELL, first_line, percent
from fanout_pipeline.measuring.statistics.inference import MAX_NOISE, MIN_ROUNDS, Claim, claim
from fanout_pipeline.measuring.trials.trial import Trial

STAY_SERIAL = "stay serial"
_STARTS_SECONDS = 0.01
"""A strategy that starts faster has nothing to gain from workers that are already running."""


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
    """The fastest strategy with right results that is clearly faster than the reference, if any."""
    verdict, row = _decide(comparison, trials)
    verdict = replace(verdict, grounds=tuple(_grounds(comparison)))
    if row is None or row.cold is None:
        return verdict
    low, high = row.cold.low, row.cold.high
    ends = None if low is None or high is None else (low, high)
    return replace(verdict, strategy=row.strategy, ratio=row.cold.ratio, ratio_ci95=ends)


def _decide(comparison: Comparison, trials: Sequence[Trial]) -> tuple[Verdict, Row | None]:
    """The verdict without its grounds, and the row that it is about."""
    withheld = _withheld(comparison)
    if withheld:
        return Verdict(CANNOT_TELL, withheld, False), None
    rows = [row for row in comparison.rows if row.cold is not None and row.eligible]
    if not rows:
        return _nothing_to_compare(comparison), None
    best = min(rows, key=_ratio)
    if best.claim is Claim.TOO_FEW:
        assert best.cold is not None
        return _cannot_tell(
            f"{best.strategy} ran in {best.cold.rounds} rounds only, {MIN_ROUNDS} are needed; "
            "raise budget_seconds"
        ), best
    faster = [row for row in rows if row.claim is Claim.FASTER]
    if faster:
        return _use(comparison, trials, min(faster, key=_ratio), rows)
    if best.claim is Claim.SLOWER:
        return _stay(comparison, rows)
    return _cannot_tell(
        f"{best.strategy} and {comparison.reference} are indistinguishable ({interval(best)} times as "
        f"long, chance {percent(comparison.noise)}); raise rounds, or use the simpler one"
    ), best


def _ratio(row: Row) -> float:
    assert row.cold is not None
    return row.cold.ratio


def _cannot_tell(reason: str) -> Verdict:
    return Verdict(CANNOT_TELL, reason, False)


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
            f"two identical runs differ by {percent(comparison.noise)}, over {percent(MAX_NOISE)}; "
            "free the machine or raise rounds"
        )
    return None


def _nothing_to_compare(comparison: Comparison) -> Verdict:
    """Beside the reference nothing gave right results, or nothing was run at all."""
    reference, failures = comparison.reference, comparison.run.failures
    if any(row.cold is not None for row in comparison.rows):
        return Verdict(STAY_SERIAL, f"nothing but {reference} gave right results", True)
    if failures:
        return _cannot_tell(
            f"{' and '.join(failures)} failed, and nothing else was compared with {reference}"
        )
    return _cannot_tell(
        f"nothing was compared with {reference}; name strategies, or raise budget_seconds"
    )


def _use(
    comparison: Comparison, trials: Sequence[Trial], fastest: Row, rows: Sequence[Row]
) -> tuple[Verdict, Row]:
    """The fastest of those that are clearly faster, or a simpler one that is as fast."""
    chosen = _simplest(comparison, trials, fastest, rows)
    reason = with_interval(chosen, comparison.reference)
    if chosen is not fastest:
        reason += (
            f"; {fastest.strategy} is indistinguishable from it, and {chosen.strategy} is simpler"
        )
    for row in rows:
        if row.claim is Claim.SAME and _ratio(row) < _ratio(fastest):
            times = f"{interval(row)} times as long as {comparison.reference}"
            reason += f"; {row.strategy} may be faster ({times})"
    return Verdict(chosen.strategy, reason, True), chosen


def _simplest(
    comparison: Comparison, trials: Sequence[Trial], best: Row, rows: Sequence[Row]
) -> Row:
    """The first listed of those that beat the reference and cannot be distinguished from the best."""
    for row in rows:
        if row is best:
            return best
        if row.claim is Claim.FASTER:
            apart = related(trials, row.strategy, best.strategy)
            if apart is not None and claim(apart, comparison.noise) is Claim.SAME:
                return row
    return best


def _stay(comparison: Comparison, rows: Sequence[Row]) -> tuple[Verdict, Row]:
    """Why not to fan out, and from where on it would pay: the strategy that would pay soonest."""
    estimates = [(estimate_break_even(comparison, row), row) for row in rows if not row.batch]
    paying = [(estimate, row) for estimate, row in estimates if estimate is not None]
    estimate, row = min(paying, key=lambda one: one[0].order, default=(None, min(rows, key=_ratio)))
    reason = f"{row.strategy} would be {with_interval(row, comparison.reference)}"
    if estimate is not None:
        reason += f"; {estimate.sentence}"
    return Verdict(STAY_SERIAL, reason, True), row


def _grounds(comparison: Comparison) -> Iterator[str]:
    reference = comparison.reference
    others = [row for row in comparison.rows if row.cold is not None and row.eligible]
    fanned_out = [row for row in others if not row.batch]
    for row in others:
        if row.batch:
            yield f"Vectorising: {_against(row, comparison)}; this is not a fan-out."
    if fanned_out:
        best = min(fanned_out, key=_ratio)
        yield f"Fanning out, the best way: {_against(best, comparison)}."
    for row in fanned_out:
        starts = row.start_seconds > _STARTS_SECONDS and row.trials >= MIN_ROUNDS
        if row.cold and row.warm and starts:
            cold = against_reference(row.cold, comparison)
            warm = against_reference(row.warm, comparison)
            yield f"{row.strategy} started cold was {cold}; with workers already running, {warm}."
    for name, failure in comparison.run.failures.items():
        if comparison.row(name) is None:
            yield f"{name} failed ({first_line(failure)}): it was left out."
    yield from _correctness(comparison)
    if math.isfinite(comparison.noise):
        yield (
            f"Chance: two identical strategies may seem to differ by {100 * comparison.noise:.1f} % "
            f"here ({reference} against itself, {comparison.rounds} rounds)."
        )


def _correctness(comparison: Comparison) -> Iterator[str]:
    if comparison.run.contradiction:
        yield (
            f"{comparison.run.contradiction} So order could not be checked by value. Every index occurs "
            "once, in order, and the number of results is right."
        )
    for row in comparison.rows:
        if row.inexact:
            yield (
                f"{row.strategy} gave {row.inexact:,} results that differ from "
                f"{comparison.reference}'s in the last digits, by at most "
                f"{row.largest_difference:.1g} of their value: within the tolerance."
            )
        if not row.eligible:
            yield f"{row.strategy} {_fault(row)}: it is not considered, however fast."


def _against(row: Row, comparison: Comparison) -> str:
    if row.claim is Claim.SAME:
        times = f"{interval(row)} times as long"
        return f"{row.strategy} was indistinguishable from {comparison.reference} ({times})"
    few = f" ({Claim.TOO_FEW})" if row.claim is Claim.TOO_FEW else ""
    return f"{row.strategy} was {with_interval(row, comparison.reference)}{few}"


def _fault(row: Row) -> str:
    if row.failure is not None:
        return f"failed ({first_line(row.failure)})"
    faults = [
        (what, count)
        for what, count in (
            ("gave {} out of order", row.out_of_place),
            ("is missing {}", row.missing),
            ("duplicated {}", row.duplicated),
            ("got {} wrong", row.wrong),
        )
        if count
    ]
    if not faults:
        return "keeps no order except by chance, as here"
    (what, count), *more = faults
    first = what.format(f"{count:,} result{'' if count == 1 else 's'}")
    return " and ".join([first, *(what.format(f"{count:,}") for what, count in more)])
