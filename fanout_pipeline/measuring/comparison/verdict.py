"""Which strategy to use, as far as the trials can tell, in one sentence and with its grounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fanout_pipeline.engine.registry import AUTO
from fanout_pipeline.measuring.comparison.bests import Bests
from fanout_pipeline.measuring.comparison.candidates import candidates, cold_ratio
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import interval, with_interval
from fanout_pipeline.measuring.comparison.estimate import estimate_break_even
from fanout_pipeline.measuring.comparison.grounds import grounds
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.formatting import CANNOT_TELL, percent
from fanout_pipeline.measuring.statistics.inference import EQUIVALENT, MIN_ROUNDS, Claim
from fanout_pipeline.measuring.trials.trial import Trial

STAY_SERIAL = "stay serial"
_MAY_STILL_WIN = 1.5
"""What ran once, and took fewer times as long as the one to use, is named beside it."""
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
    possible_bests: tuple[str, ...] = ()
    """The strategies of which none was shown to be slower than another, the one to use among them."""
    times_best: float | None = None
    """The one to use takes at most so many times as long as the best does; None where that is unknown."""

    @property
    def sentence(self) -> str:
        use = f"Use {self.use}" if self.use not in (STAY_SERIAL, CANNOT_TELL) else self.use
        return f"{use[0].upper()}{use[1:]}: {self.reason}."


def decide(comparison: Comparison, trials: Sequence[Trial]) -> Verdict:
    """What to use, of all that gave right results.

    "Stay serial" where nothing is more than 5 % faster; else of those that are faster the first, `auto` before the
    others, that loses at most 5 % to the best; else the fastest, with what it may lose.
    """
    paired = PairedTrials(comparison.reference, trials)
    verdict, row = _decide(comparison, paired)
    verdict = replace(verdict, grounds=tuple(grounds(comparison, paired)))
    if row is None or row.cold is None:
        return verdict
    low, high = row.cold.low, row.cold.high
    ends = None if low is None or high is None else (low, high)
    return replace(verdict, strategy=row.strategy, ratio=row.cold.ratio, ratio_ci95=ends)


def _decide(comparison: Comparison, paired: PairedTrials) -> tuple[Verdict, Row | None]:
    """The verdict without its grounds, and the row that it is about."""
    if comparison.items == 0:
        return _cannot_tell("there are no items"), None
    others = comparison.run.other_load
    if others is not None and others > MAX_OTHER_LOAD:
        return _cannot_tell(
            f"other programs took {percent(others)} of the cores meanwhile, over "
            f"{percent(MAX_OTHER_LOAD)}; run the trials again when the machine has nothing else to do"
        ), None
    auto, fixed = candidates(comparison)
    rows = fixed or ([] if auto is None else [auto])
    if not rows:
        return _nothing_to_compare(comparison), None
    best = min(rows, key=cold_ratio)
    if best.claim is Claim.TOO_FEW:
        return _cannot_tell(
            f"{best.strategy} ran in one round only, {MIN_ROUNDS} are needed; raise budget_seconds"
        ), best
    if all(_is_at_most_equivalent(row) for row in rows):
        return _stay(comparison, rows)
    faster = [row for row in rows if row.claim is Claim.FASTER]
    if not faster:
        return _cannot_tell(
            f"{best.strategy} is {with_interval(best, comparison.reference)}; "
            "raise budget_seconds and rounds, or use the simpler one"
        ), best
    first = [auto] if auto is not None and auto.claim is Claim.FASTER and auto not in rows else []
    return _use(comparison, Bests([*first, *rows], paired), [*first, *faster])


def _cannot_tell(reason: str) -> Verdict:
    return Verdict(CANNOT_TELL, reason, False)


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


def _is_at_most_equivalent(row: Row) -> bool:
    """Whether it is shown to be at most 5 % faster than the reference; one round says it by itself."""
    assert row.cold is not None
    low = row.cold.ratio if row.cold.low is None else row.cold.low
    return low >= 1 / EQUIVALENT


def _use(comparison: Comparison, bests: Bests, faster: Sequence[Row]) -> tuple[Verdict, Row]:
    """Of those that are faster, in the order of preference, the first that is as good as any; else the fastest."""
    fastest = min(faster, key=cold_ratio)
    chosen = next((row for row in faster if bests.times_best(row) <= EQUIVALENT), fastest)
    times = bests.times_best(chosen)
    assert chosen.cold is not None
    reason = f"{with_interval(chosen, comparison.reference)} {chosen.cold.extent}"
    rivals = [row.strategy for row in bests.possible if row is not chosen]
    if times > EQUIVALENT:
        reason += (
            f"; {' or '.join(rivals)} may be the fastest: {chosen.strategy} takes at most "
            f"{_at_most(times)} longer than the best"
        )
    elif chosen is not fastest:
        why = "chooses anew for each input" if chosen.strategy == AUTO else "is simpler"
        reason += (
            f"; {fastest.strategy} is at most {_at_most(times)} faster, and {chosen.strategy} {why}"
        )
    once = [row for row in bests.unknown if cold_ratio(row) < _MAY_STILL_WIN * cold_ratio(chosen)]
    if once:
        reason += f"; {', '.join(row.strategy for row in once)} ran in one round only"
    possible = (chosen.strategy, *rivals)
    return Verdict(chosen.strategy, reason, True, possible_bests=possible, times_best=times), chosen


def _at_most(times: float) -> str:
    return f"{math.ceil(100 * (times - 1))} %"


def _stay(comparison: Comparison, rows: Sequence[Row]) -> tuple[Verdict, Row]:
    """Why not to fan out, and from where on it would pay: the strategy that would pay soonest."""
    best = min(rows, key=cold_ratio)
    assert best.cold is not None
    if best.claim is not Claim.SLOWER:
        return Verdict(
            STAY_SERIAL,
            f"nothing is more than {percent(EQUIVALENT - 1)} faster than {comparison.reference} "
            f"{best.cold.extent}; {best.strategy} took {interval(best.cold)} times as long (95 %)",
            True,
        ), best
    estimates = [(estimate_break_even(comparison, row), row) for row in rows if not row.batch]
    paying = [(estimate, row) for estimate, row in estimates if estimate is not None]
    estimate, row = min(paying, key=lambda one: one[0].order, default=(None, best))
    assert row.cold is not None
    reason = f"{row.strategy} would be {with_interval(row, comparison.reference)} {row.cold.extent}"
    if estimate is not None:
        reason += f"; {estimate.sentence}"
    return Verdict(STAY_SERIAL, reason, True), row
