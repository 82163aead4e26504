"""Which strategy to use, as far as the trials can tell, in one sentence and with its grounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fanout_pipeline.measuring.comparison.candidates import candidates, cold_ratio
from fanout_pipeline.measuring.comparison.compare import related
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import interval, with_interval
from fanout_pipeline.measuring.comparison.estimate import estimate_break_even
from fanout_pipeline.measuring.comparison.grounds import grounds
from fanout_pipeline.measuring.formatting import CANNOT_TELL, percent
from fanout_pipeline.measuring.statistics.inference import MAX_NOISE, MIN_ROUNDS, Claim, claim
from fanout_pipeline.measuring.trials.trial import Trial

STAY_SERIAL = "stay serial"
MAX_OTHER_LOAD = 0.15
"""No verdict is given where other programs took more than this share of the cores during the trials."""


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
    """Sentences: vectorising apart from fanning out, cold apart from warm, what `auto` did, chance."""

    @property
    def sentence(self) -> str:
        use = f"Use {self.use}" if self.use not in (STAY_SERIAL, CANNOT_TELL) else self.use
        return f"{use[0].upper()}{use[1:]}: {self.reason}."


def decide(comparison: Comparison, trials: Sequence[Trial]) -> Verdict:
    """The strategy with right results to use, if any is clearly faster than the reference.

    It is `auto` where that is clearly faster, and no other is clearly faster still; else the fastest of the others.
    """
    verdict, row = _decide(comparison, trials)
    verdict = replace(verdict, grounds=tuple(grounds(comparison, trials)))
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
    auto, fixed = candidates(comparison)
    rows = fixed or ([] if auto is None else [auto])
    if not rows:
        return _nothing_to_compare(comparison), None
    best = min(rows, key=cold_ratio)
    if best.claim is Claim.TOO_FEW:
        assert best.cold is not None
        return _cannot_tell(
            f"{best.strategy} ran in {best.cold.rounds} rounds only, {MIN_ROUNDS} are needed; "
            "raise budget_seconds"
        ), best
    faster = [row for row in rows if row.claim is Claim.FASTER]
    fastest = min(faster, key=cold_ratio, default=None)
    if auto is not None and not _is_beaten(auto, fastest, comparison, trials):
        return _use_auto(auto, comparison.reference, best), auto
    if fastest is not None:
        return _use(comparison, trials, fastest, rows)
    if best.claim is Claim.SLOWER:
        return _stay(comparison, rows)
    return _cannot_tell(
        f"{best.strategy} and {comparison.reference} are indistinguishable ({interval(best)} times as "
        f"long, chance {percent(comparison.noise)}); raise rounds, or use the simpler one"
    ), best


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
    others = comparison.run.other_load
    if others is not None and others > MAX_OTHER_LOAD:
        return (
            f"other programs took {percent(others)} of the cores meanwhile, over "
            f"{percent(MAX_OTHER_LOAD)}; run the trials again when the machine has nothing else to do"
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
        if row.claim is Claim.SAME and cold_ratio(row) < cold_ratio(fastest):
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


def _is_beaten(
    auto: Row, fastest: Row | None, comparison: Comparison, trials: Sequence[Trial]
) -> bool:
    """Whether `auto` is not clearly faster than the reference, or the fastest of the others clearly faster still."""
    if auto.claim is not Claim.FASTER or fastest is None:
        return auto.claim is not Claim.FASTER
    apart = related(trials, fastest.strategy, auto.strategy)
    return apart is not None and claim(apart, comparison.noise) is Claim.FASTER


def _use_auto(auto: Row, reference: str, best: Row) -> Verdict:
    reason = with_interval(auto, reference)
    if best is not auto:
        reason += f"; {best.strategy}, the fastest of the others, is not clearly faster than it"
    return Verdict(auto.strategy, reason, True)


def _stay(comparison: Comparison, rows: Sequence[Row]) -> tuple[Verdict, Row]:
    """Why not to fan out, and from where on it would pay: the strategy that would pay soonest."""
    estimates = [(estimate_break_even(comparison, row), row) for row in rows if not row.batch]
    paying = [(estimate, row) for estimate, row in estimates if estimate is not None]
    estimate, row = min(
        paying, key=lambda one: one[0].order, default=(None, min(rows, key=cold_ratio))
    )
    reason = f"{row.strategy} would be {with_interval(row, comparison.reference)}"
    if estimate is not None:
        reason += f"; {estimate.sentence}"
    return Verdict(STAY_SERIAL, reason, True), row
