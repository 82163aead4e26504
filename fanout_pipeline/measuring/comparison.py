"""The strategies of one fan-out side by side, from the trials: times, ratios, correctness, phases."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.inference import (
    Claim,
    RatioEstimate,
    claim,
    control_estimate,
    noise_floor,
    ratio_estimate,
    reference_seconds,
)
from fanout_pipeline.measuring.recorded import NotComparable, Recorded
from fanout_pipeline.measuring.trial_store import TrialRun
from fanout_pipeline.measuring.trials import Trial


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy in relation to the reference. Seconds are medians of the counted trials."""

    strategy: str
    wall_seconds: float
    wall_seconds_all: tuple[float, ...]
    start_seconds: float
    warm_seconds: float | None
    """With workers that are there already; None where they cannot be kept."""
    cold: RatioEstimate | None
    """Of its time to the reference's; None of the reference itself, and without items."""
    warm: RatioEstimate | None
    """The same with workers that are there already."""
    claim: Claim | None
    """What `cold` shows; None of the reference itself, and without items."""
    trials: int
    items: int
    workers: int
    start_method: str
    phases: dict[str, float]
    """Where the time of the median trial went."""
    sent_bytes: int
    pickle_seconds: float
    out_of_place: int
    """The worst over all trials, warm-up included, and the asset's own run; so the next three."""
    missing: int
    duplicated: int
    wrong: int
    inexact: int
    """Results that differ in the last digits only, within the tolerance: the most in one trial."""
    largest_difference: float
    """Of these, relative, in all trials."""
    digest: str
    is_reference: bool
    failure: str | None
    """What it raised in one of the trials."""
    batch: bool
    """It calls the batch function: vectorising, not fanning out."""
    keeps_order: bool
    """By its design, not by chance."""

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def correct(self) -> bool:
        faults = self.out_of_place or self.missing or self.duplicated or self.wrong
        return not faults and self.failure is None

    @property
    def eligible(self) -> bool:
        """It may be recommended: right results in these trials, and in order in any others."""
        return self.correct and self.keeps_order

    @property
    def ratio(self) -> float | None:
        """Its time divided by the reference's, the median over the rounds; 1 of the reference."""
        if self.is_reference:
            return 1.0 if self.items else None
        return None if self.cold is None else self.cold.ratio

    @property
    def speedup(self) -> float | None:
        return 1 / self.ratio if self.ratio else None

    @property
    def efficiency(self) -> float | None:
        """Speed-up for each worker: 1.0 is all that the workers could give."""
        return self.speedup / self.workers if self.speedup else None

    @property
    def items_per_second(self) -> float:
        return self.items / self.wall_seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """All strategies of one fan-out, the reference first."""

    run: TrialRun
    rows: tuple[Row, ...]
    control: RatioEstimate | None
    """The reference against itself; None without items or without a round."""
    recorded: tuple[Recorded, ...] = ()
    """What the assets recorded, where they were made."""

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def reference(self) -> str:
        return self.run.reference

    @property
    def items(self) -> int:
        return self.rows[0].items

    @property
    def rounds(self) -> int:
        return self.control.rounds if self.control else 0

    @property
    def noise(self) -> float:
        """By how much two identical strategies may seem to differ: 0.04 is 4 %."""
        return noise_floor(self.control) if self.control else float("inf")

    @property
    def fastest_first(self) -> list[Row]:
        """By their ratios, for seconds of different rounds do not compare; by seconds without any."""
        return sorted(self.rows, key=lambda row: (row.ratio or 0.0, row.wall_seconds))

    def row(self, strategy: str) -> Row | None:
        return next((row for row in self.rows if row.strategy == strategy), None)


def compare(
    run: TrialRun, trials: Sequence[Trial], recorded: Sequence[Recorded] = ()
) -> Comparison:
    """Relate each strategy's trials to the reference's of the same rounds.

    Raises NotComparable where an asset was made from other bytes, or by another function, than
    the trials were.
    """
    for one in recorded:
        for what, ours, theirs in (
            ("input", one.input_sha256, run.input_sha256),
            ("function", one.function_fingerprint, run.function_fingerprint),
        ):
            if ours != theirs:
                raise NotComparable(
                    f"{run.name}/{one.strategy} was made from another {what} ({ours[:12]}…) than "
                    f"{run.name}/trials ({theirs[:12]}…). Re-materialize {run.name}/{one.strategy}, "
                    f"or {run.name}/trials if that is the older one, then compare again."
                )
    # Where the budget ended with the warm-up, its trials are all there is to show.
    counted = [trial for trial in trials if not trial.warm_up] or list(trials)
    _same_results(run, trials)
    pairs = _reference_by_round(run.reference, counted)
    rounds = sorted(pairs)
    items = trials[0].items
    control = None
    if rounds and items:
        first, second = zip(*(pairs[number] for number in rounds), strict=True)
        control = control_estimate(
            [trial.wall_seconds for trial in first], [trial.wall_seconds for trial in second]
        )
    floor = noise_floor(control) if control else float("inf")
    names = list(dict.fromkeys(trial.strategy for trial in trials))
    order = [run.reference, *STRATEGIES]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    rows = [
        _row(name, run, trials, counted, pairs if items else {}, floor, recorded)
        for name in names
        if any(trial.strategy == name for trial in counted)
    ]
    return Comparison(run, tuple(rows), control, tuple(recorded))


def _same_results(run: TrialRun, trials: Sequence[Trial]) -> None:
    """Raises NotComparable where the reference gave different results of the same input.

    But for last digits, or where it was found that the function does not depend on the item alone.
    """
    theirs = [trial for trial in trials if trial.strategy == run.reference]
    explained = run.contradiction or any(trial.inexact for trial in theirs)
    if len({trial.digest for trial in theirs}) > 1 and not explained:
        raise NotComparable(
            f"{run.reference} gave different results from one trial to the next: {run.function} "
            "does not depend on the item alone, so nothing can be checked against it."
        )


def related(trials: Sequence[Trial], strategy: str, other: str) -> RatioEstimate | None:
    """The ratio of two strategies, from the rounds in which both took part."""
    ours, theirs = (
        {t.round: t.wall_seconds for t in trials if t.strategy == name and not t.warm_up}
        for name in (strategy, other)
    )
    both = sorted(set(ours) & set(theirs))
    return ratio_estimate([ours[n] for n in both], [theirs[n] for n in both]) if both else None


def _reference_by_round(reference: str, counted: Sequence[Trial]) -> dict[int, tuple[Trial, Trial]]:
    """The two runs of the reference in each round that has both."""
    one, two = (
        {
            trial.round: trial
            for trial in counted
            if trial.strategy == reference and trial.control is c
        }
        for c in (False, True)
    )
    return {number: (one[number], two[number]) for number in one if number in two}


def _row(
    name: str,
    run: TrialRun,
    trials: Sequence[Trial],
    counted: Sequence[Trial],
    pairs: dict[int, tuple[Trial, Trial]],
    floor: float,
    recorded: Sequence[Recorded],
) -> Row:
    every = [trial for trial in trials if trial.strategy == name]
    counted = [trial for trial in counted if trial.strategy == name]
    asset = next((one for one in recorded if one.strategy == name), None)
    cold = warm = None
    if name != run.reference:
        paired = [trial for trial in counted if trial.round in pairs]
        cold = _related(paired, pairs, "wall_seconds")
        warm = _related(paired, pairs, "warm_seconds")
    warm_seconds = [trial.warm_seconds for trial in counted if trial.warm_seconds is not None]
    typical = sorted(counted, key=lambda trial: trial.wall_seconds)[(len(counted) - 1) // 2]
    strategy = STRATEGIES.get(name)
    return Row(
        strategy=name,
        wall_seconds=statistics.median(trial.wall_seconds for trial in counted),
        wall_seconds_all=tuple(trial.wall_seconds for trial in counted),
        start_seconds=statistics.median(trial.start_seconds for trial in counted),
        warm_seconds=statistics.median(warm_seconds) if warm_seconds else None,
        cold=cold,
        warm=warm,
        claim=None if cold is None else claim(cold, floor),
        trials=len(counted),
        items=counted[0].items,
        workers=counted[0].workers,
        start_method=counted[0].start_method,
        phases=typical.phases,
        sent_bytes=typical.sent_bytes,
        pickle_seconds=typical.pickle_seconds,
        out_of_place=max(
            [trial.out_of_place for trial in every] + [int(not asset.in_order) if asset else 0]
        ),
        missing=max([trial.missing for trial in every] + [asset.missing if asset else 0]),
        duplicated=max([trial.duplicated for trial in every] + [asset.duplicated if asset else 0]),
        wrong=max([trial.wrong for trial in every] + [asset.wrong if asset else 0]),
        inexact=max(trial.inexact for trial in every),
        largest_difference=max(trial.largest_difference for trial in every),
        digest=counted[-1].digest,
        is_reference=name == run.reference,
        failure=run.failures.get(name),
        batch=strategy is not None and strategy.batch,
        keeps_order=strategy is None or strategy.keeps_order,
    )


def _related(
    paired: Sequence[Trial], pairs: dict[int, tuple[Trial, Trial]], what: str
) -> RatioEstimate | None:
    ours = [getattr(trial, what) for trial in paired]
    if not ours or None in ours:
        return None
    first = [getattr(pairs[trial.round][0], what) for trial in paired]
    second = [getattr(pairs[trial.round][1], what) for trial in paired]
    return ratio_estimate(ours, reference_seconds(first, second))
