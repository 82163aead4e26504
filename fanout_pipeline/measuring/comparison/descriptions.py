"""A strategy in relation to the reference, in words."""

from __future__ import annotations

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import factor, factor_digits, first_line
from fanout_pipeline.measuring.statistics.inference import (
    ROUNDS_FOR_RATIO,
    Claim,
    RatioEstimate,
)


def strategy_sentence(comparison: Comparison, strategy: str) -> str:
    """A whole sentence about one strategy: "multiprocess was 10.24 times slower than serial."."""
    row, reference = comparison.row(strategy), comparison.reference
    if row is None:
        failure = comparison.run.failures.get(strategy)
        if failure:
            return f"{strategy} failed: {first_line(failure)}."
        return f"{strategy} was not tried."
    if strategy == reference:
        return f"{strategy} is what the others are compared with."
    if row.ratio is None:
        why = "there was no whole round of both" if comparison.items else "there are no items"
        return f"{strategy} cannot be compared with {reference}: {why}."
    if row.cold is not None and (row.claim is Claim.SAME or row.cold.rounds < ROUNDS_FOR_RATIO):
        return f"{strategy} was {shown(row.cold, row.claim, reference)}."
    if row.ratio >= 1:
        return f"{strategy} was {row.ratio:.2f} times slower than {reference}."
    return f"{strategy} was {1 / row.ratio:.2f} times faster than {reference}."


def with_interval(row: Row, reference: str) -> str:
    """The cold ratio with its interval: "14.9x faster than serial (95 % 14.1-15.6)"; of few rounds its bound."""
    assert row.cold is not None
    low, high = row.cold.low, row.cold.high
    text = shown(row.cold, row.claim, reference)
    known = row.claim in (Claim.FASTER, Claim.SLOWER) and row.cold.rounds >= ROUNDS_FOR_RATIO
    if low is None or high is None or not known:
        return text
    edges = (1 / high, 1 / low) if row.cold.ratio < 1 else (low, high)
    return f"{text} (95 % {factor_digits(edges[0])}-{factor_digits(edges[1])})"


def shown(estimate: RatioEstimate, claim: Claim | None, reference: str) -> str:
    """A ratio as it may be claimed: "2.10x slower than serial", "not told apart from serial (…)".

    Of two to four rounds only a bound: "at least 1.6x faster than serial".
    """
    faster = estimate.ratio < 1
    word = f"{'faster' if faster else 'slower'} than {reference}"
    near = estimate.high if faster else estimate.low
    if claim is Claim.SAME:
        return f"not told apart from {reference} ({interval(estimate)} times its time)"
    if near is None:
        apart = 1 / estimate.ratio if faster else estimate.ratio
        return f"{factor(apart)} {word} in its only round"
    if estimate.rounds < ROUNDS_FOR_RATIO:
        return f"at least {factor(1 / near if faster else near)} {word}"
    return f"{factor(1 / estimate.ratio if faster else estimate.ratio)} {word}"


def interval(estimate: RatioEstimate) -> str:
    """The interval of a ratio: "0.48-0.52"."""
    return f"{estimate.low:.2f}-{estimate.high:.2f}"
