"""How a comparison was measured, in sentences, for readers who have to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.formatting import input_version
from fanout_pipeline.measuring.statistics.inference import (
    EQUIVALENT,
    MIN_ROUNDS,
    ROUNDS_FOR_RATIO,
)


def method(comparison: Comparison) -> list[str]:
    """Plain text, not escaped."""
    return list(_method(comparison))


def _method(comparison: Comparison) -> Iterator[str]:
    run, reference = comparison.run, comparison.reference
    began = datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield (
        f"{run.function} (fingerprint {run.function_fingerprint[:12]}) on {comparison.items:,} items "
        f"({input_version(run.input_sha256)}), {began}, run {run.run_id}."
    )
    if run.sample:
        yield run.sample
    yield (
        "Seconds are wall time from the file on disk to committed parts on disk, including starting and "
        "stopping workers (cold). Warm is a second run by the same workers, or the same run where there "
        "are no processes to start. Both are medians."
    )
    launched = [row.strategy for row in comparison.rows if "launch" in row.phases]
    if launched:
        yield (
            f"{', '.join(launched)}: each trial is a Dagster run in a process of its own. Its seconds "
            "include importing Dagster, loading the definitions and writing the event log; those of the "
            "other strategies do not."
        )
    yield _rounds(comparison)
    if comparison.control is not None and comparison.noise != float("inf"):
        yield (
            f"{reference} ran twice in {comparison.control.rounds} rounds, against itself (A/A): the two "
            f"differed by a factor of {comparison.control.ratio:.3f}, and the interval of that reaches "
            f"{100 * comparison.noise:.1f} % from 1. Their spread counts in the intervals of all strategies."
        )
    else:
        yield f"{reference} did not run twice in two rounds: how far two identical runs differ is unknown."
    over = f", over {comparison.sessions} sessions" if comparison.sessions > 1 else ""
    yield (
        f"A ratio is a strategy's time divided by {reference}'s in the same round; of several rounds the mean "
        "of the logarithms, none counted as further from the middle than two deviations (Huber 1964). Its 95 % "
        f"interval{over} and p are from Student's t. A strategy is called faster or slower "
        "where that is true of all that are called so in 95 of 100 comparisons (Holm 1979). From "
        f"{MIN_ROUNDS} to {ROUNDS_FOR_RATIO - 1} rounds there is a bound only. The simpler of two is named where "
        f"it is shown to take at most {EQUIVALENT:g} times as long as the best (Schuirmann 1987)."
    )
    outliers = [
        f"{len(row.cold.outliers)} of {row.strategy}"
        for row in comparison.rows
        if row.cold is not None and row.cold.outliers
    ]
    if outliers:
        yield f"Outlying rounds, which are not removed: {', '.join(outliers)}."
    if run.other_load is not None:
        yield f"Other programs took {100 * run.other_load:.0f} % of the cores during the trials."
    yield from run.remarks
    for one in comparison.recorded:
        if one.overlapped_with:
            yield (
                f"The asset {one.strategy} was made while {', '.join(one.overlapped_with)} ran; "
                "the trials ran alone."
            )


def _rounds(comparison: Comparison) -> str:
    options = comparison.run.options
    text = f"{comparison.rounds} rounds"
    if options.get("sessions", 1) > 1:
        text += f" in {options['sessions']} sessions"
    text += ", each in another order of a balanced plan (Williams 1949)"
    if "seed" in options:
        text += f" from the run's id and seed {options['seed']}"
    if options.get("warm_up_rounds"):
        text += f", after {options['warm_up_rounds']} warm-up, not counted"
    if "budget_seconds" in options and "rounds" in options:
        text += f"; the budget was {options['budget_seconds']:g} s and {options['rounds']} rounds"
    return f"{text}."
