"""Relates the trials of each strategy to the reference's of the same rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison.asset_record import AssetRecord, NotComparable
from fanout_pipeline.measuring.comparison.comparison import FAULTS, Comparison, Row
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.formatting import input_version
from fanout_pipeline.measuring.statistics.inference import claims
from fanout_pipeline.measuring.trials.store import TrialRun
from fanout_pipeline.measuring.trials.trial import Trial


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
    paired = PairedTrials(run.reference, trials)
    order = [run.reference, *STRATEGIES]
    names = list(dict.fromkeys(trial.strategy for trial in trials))
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    assets = {asset.strategy: asset for asset in recorded}
    others = [name for name in names if name != run.reference] if trials[0].items else []
    cold, warm = (
        {name: found for name in others if (found := paired.ratio(name, run.reference, field))}
        for field in ("wall_seconds", "warm_seconds")
    )
    claimed, warm_claimed = claims(cold), claims(warm)
    rows = []
    for name in names:
        every = [trial for trial in trials if trial.strategy == name]
        own = [trial for trial in paired.counted if trial.strategy == name]
        if own:
            row = _row(run, every, own, assets)
            rows.append(
                replace(
                    row,
                    cold=cold.get(name),
                    warm=warm.get(name),
                    claim=claimed.get(name),
                    warm_claim=warm_claimed.get(name),
                )
            )
    control = paired.control if trials[0].items else None
    return Comparison(run, tuple(rows), control, tuple(recorded))


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


def _row(
    run: TrialRun,
    every: Sequence[Trial],
    counted: Sequence[Trial],
    assets: dict[str, AssetRecord],
) -> Row:
    """A row from all trials of a strategy and those that count, not related to the reference yet."""
    name = every[0].strategy
    checked = [*every, assets[name]] if name in assets else every
    warm_seconds = [trial.warm_seconds for trial in counted if trial.warm_seconds is not None]
    typical = sorted(counted, key=lambda trial: trial.wall_seconds)[(len(counted) - 1) // 2]
    strategy = STRATEGIES.get(name)
    return Row(
        strategy=name,
        wall_seconds=statistics.median(trial.wall_seconds for trial in counted),
        wall_seconds_all=tuple(trial.wall_seconds for trial in counted),
        start_seconds=statistics.median(trial.start_seconds for trial in counted),
        warm_seconds=statistics.median(warm_seconds) if warm_seconds else None,
        cold=None,
        warm=None,
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
