"""What a verdict rests on, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from fanout_pipeline.measuring.comparison.candidates import candidates, cold_ratio
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import (
    shown,
    with_interval,
)
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.formatting import first_line, percent
from fanout_pipeline.measuring.statistics.inference import ROUNDS_FOR_RATIO, RUN_TO_RUN

_STARTS_SECONDS = 0.01
"""A strategy that starts faster has nothing to gain from workers that are already running."""


def grounds(comparison: Comparison, paired: PairedTrials) -> Iterator[str]:
    reference = comparison.reference
    auto, others = candidates(comparison)
    fanned_out = [row for row in others if not row.batch]
    for row in others:
        if row.batch:
            yield f"Vectorising: {_against(row, comparison)}; this is not a fan-out."
    if fanned_out:
        best = min(fanned_out, key=cold_ratio)
        yield f"Fanning out, the best way: {_against(best, comparison)}."
    if auto is not None:
        yield from _of_auto(auto, others, comparison, paired)
    for row in fanned_out:
        starts = row.start_seconds > _STARTS_SECONDS and row.trials >= ROUNDS_FOR_RATIO
        if row.cold and row.warm and starts:
            cold = shown(row.cold, row.claim, reference)
            warm = shown(row.warm, row.warm_claim, reference)
            yield f"{row.strategy} started cold was {cold}; with workers already running, {warm}."
    for name, failure in comparison.run.failures.items():
        if comparison.row(name) is None:
            yield f"{name} failed ({first_line(failure)}): it was left out."
    yield from _correctness(comparison)
    yield from _limits(comparison, others)


def _limits(comparison: Comparison, rows: Sequence[Row]) -> Iterator[str]:
    """What the intervals do not say, or say of few rounds."""
    for row in rows:
        if row.cold is not None and row.cold.unsteady:
            yield f"{row.strategy} was not steady: {row.cold.unsteady}."
    if comparison.control is not None and math.isfinite(comparison.noise):
        yield (
            f"Chance: two identical strategies may seem to differ by {100 * comparison.noise:.1f} % "
            f"here ({comparison.reference} against itself, {comparison.control.rounds} rounds)."
        )
    if comparison.sessions == 1 and rows:
        yield (
            "All this is of one run: in another, with its memory laid out anew, ratios usually differ by "
            f"{percent(RUN_TO_RUN)} more than the intervals say; sessions measure by how much."
        )


def _of_auto(
    auto: Row, others: Sequence[Row], comparison: Comparison, paired: PairedTrials
) -> Iterator[str]:
    """How it compares with the fastest of the others, which it might have chosen, and what it has chosen."""
    beside = ""
    if others:
        best = min(others, key=cold_ratio)
        apart = paired.ratio(auto.strategy, best.strategy)
        if apart is not None:
            times = f"{apart.ratio:.2f} times as long as {best.strategy}"
            beside = f"; it took {times}, the fastest of the others"
    yield f"Choosing while it runs: {_against(auto, comparison)}{beside}."
    if auto.why:
        yield f"What {auto.strategy} chose in its median trial: {auto.why}."


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
    return f"{row.strategy} was {with_interval(row, comparison.reference)}"


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
