"""Relates the trials of each strategy to the reference's of the same rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison.asset_record import AssetRecord, NotComparable
from fanout_pipeline.measuring.comparison.comparison import FAULTS, Comparison, Row
from fanout_pipeline.measuring.formatting import input_version
from fanout_pipeline.measuring.statistics.inference import (
    RatioEstimate,
    claim,
    control_estimate,
    noise_floor,
    ratio_estimate,
    reference_seconds,
)
from fanout_pipeline.measuring.trials.store import TrialRun
from fanout_pipeline.measuring.trials.trial import Trial

_ReferencePairs = dict[int, tuple[Trial, Trial]]
"""The two runs of the reference, by the round."""


def compare(
    run: TrialRun, trials: Sequence[Trial], recorded: Sequence[AssetRecord] = ()
) -> Comparison:
    """Relate each strategy's trials to the reference's of the same rounds.

    Raises NotComparable where an asset was made from other bytes, or by another function, than the
    trials, and where the reference's own results differ without a reason.
    """
    for asset in recorded:
        _require_same_work(run, asset)
    _require_same_results(run, trials)
    # Where the budget ended with the warm-up, its trials are all there is to show.
    counted = [trial for trial in trials if not trial.warm_up] or list(trials)
    pairs = _reference_pairs(run.reference, counted) if trials[0].items else {}
    control = None
    if pairs:
        first, second = zip(*(pairs[number] for number in sorted(pairs)), strict=True)
        control = control_estimate(
            [trial.wall_seconds for trial in first], [trial.wall_seconds for trial in second]
        )
    order = [run.reference, *STRATEGIES]
    names = list(dict.fromkeys(trial.strategy for trial in trials))
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    floor = noise_floor(control) if control else float("inf")
    assets = {asset.strategy: asset for asset in recorded}
    rows = []
    for name in names:
        every = [trial for trial in trials if trial.strategy == name]
        own = [trial for trial in counted if trial.strategy == name]
        if own:
            rows.append(
                _row(run, every, own, {} if name == run.reference else pairs, floor, assets)
            )
    return Comparison(run, tuple(rows), control, tuple(recorded))


def related(trials: Sequence[Trial], strategy: str, other: str) -> RatioEstimate | None:
    """The ratio of two strategies, from the rounds in which both took part."""
    ours, theirs = (
        {t.round: t.wall_seconds for t in trials if t.strategy == name and not t.warm_up}
        for name in (strategy, other)
    )
    both = sorted(set(ours) & set(theirs))
    return ratio_estimate([ours[n] for n in both], [theirs[n] for n in both]) if both else None


def _require_same_work(run: TrialRun, asset: AssetRecord) -> None:
    asset_name, trials_name = f"{run.name}/{asset.strategy}", f"{run.name}/trials"
    for what, shown, ours, theirs in (
        ("from another input", input_version, asset.input_sha256, run.input_sha256),
        (
            "by another function, or with other contents of what it depends on,",
            _fingerprint,
            asset.function_fingerprint,
            run.function_fingerprint,
        ),
    ):
        if ours != theirs:
            raise NotComparable(
                f"{asset_name} was made {what} ({shown(ours)}) than {trials_name} ({shown(theirs)}). "
                f"Re-materialize {asset_name}, or {trials_name} if that is the older one, then "
                "compare again."
            )


def _fingerprint(text: str) -> str:
    return f"{text[:12]}…"


def _require_same_results(run: TrialRun, trials: Sequence[Trial]) -> None:
    """Differing last digits are no reason to refuse, nor a contradiction that was found."""
    theirs = [trial for trial in trials if trial.strategy == run.reference]
    explained = run.contradiction or any(trial.inexact for trial in theirs)
    if len({trial.digest for trial in theirs}) > 1 and not explained:
        raise NotComparable(
            f"{run.reference} gave different results from one trial to the next: {run.function} "
            "does not depend on the item alone, so nothing can be checked against it."
        )


def _reference_pairs(reference: str, counted: Sequence[Trial]) -> _ReferencePairs:
    """The two runs of the reference in each round that has both."""
    theirs = [trial for trial in counted if trial.strategy == reference]
    one, two = ({t.round: t for t in theirs if t.control is control} for control in (False, True))
    return {number: (one[number], two[number]) for number in one if number in two}


def _row(
    run: TrialRun,
    every: Sequence[Trial],
    counted: Sequence[Trial],
    pairs: _ReferencePairs,
    floor: float,
    assets: dict[str, AssetRecord],
) -> Row:
    """A row from all trials of a strategy and those that count; `pairs` is empty for the reference."""
    name = every[0].strategy
    checked = [*every, assets[name]] if name in assets else every
    cold = _ratio_to_reference(counted, pairs, "wall_seconds")
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
        warm=_ratio_to_reference(counted, pairs, "warm_seconds"),
        claim=None if cold is None else claim(cold, floor),
        trials=len(counted),
        items=counted[0].items,
        workers=typical.workers,
        start_method=counted[0].start_method,
        phases={name: typical.phases[name] for name in PHASES if name in typical.phases},
        sent_bytes=typical.sent_bytes,
        pickle_seconds=typical.pickle_seconds,
        **{fault: max(getattr(one, fault) for one in checked) for fault in FAULTS},
        inexact=max(trial.inexact for trial in every),
        largest_difference=max(trial.largest_difference for trial in every),
        digest=counted[-1].digest,
        is_reference=name == run.reference,
        failure=run.failures.get(name),
        batch=strategy is not None and strategy.batch,
        keeps_order=strategy is None or strategy.keeps_order,
        why=typical.why,
    )


def _ratio_to_reference(
    counted: Sequence[Trial], pairs: _ReferencePairs, field: str
) -> RatioEstimate | None:
    paired = [trial for trial in counted if trial.round in pairs]
    ours = [getattr(trial, field) for trial in paired]
    if not ours or None in ours:
        return None
    first, second = ([getattr(pairs[t.round][n], field) for t in paired] for n in (0, 1))
    return ratio_estimate(ours, reference_seconds(first, second))
