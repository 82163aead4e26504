"""A strategy in relation to the reference, in words."""

from __future__ import annotations

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import factor, factor_digits, first_line
from fanout_pipeline.measuring.statistics.inference import (
    EQUIVALENT,
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
    if low is None or high is None or row.cold.rounds < ROUNDS_FOR_RATIO:
        return text
    edges = (1 / high, 1 / low) if row.cold.ratio < 1 else (low, high)
    return f"{text} (95 % {factor_digits(edges[0])}-{factor_digits(edges[1])})"


def shown(estimate: RatioEstimate, claim: Claim | None, reference: str) -> str:
    """A ratio as it may be claimed: "2.10x slower than serial", "indistinguishable from serial (…)".

    Of two to four rounds only a bound: "at least 1.6x faster than serial".
    """
    faster = estimate.ratio < 1
    apart, low, high = estimate.ratio, estimate.low, estimate.high
    known = claim in (Claim.FASTER, Claim.SLOWER) and low is not None and high is not None
    least = ""
    if known and estimate.rounds < ROUNDS_FOR_RATIO:
        assert low is not None
        assert high is not None
        apart, least = high if faster else low, "at least "
    factor_apart = 1 / apart if faster else apart
    if claim is Claim.SAME and factor_apart <= EQUIVALENT**2:
        return f"indistinguishable from {reference} ({estimate.ratio:.2f} times its time)"
    # A factor of 2.75 that may be chance is no sign that the two are alike.
    few = "" if known else f" (in {estimate.rounds} trials, too few to tell)"
    return f"{least}{factor(factor_apart)} {_word(faster)} than {reference}{few}"


def interval(row: Row) -> str:
    """The interval of the cold ratio: "0.48-0.52"."""
    assert row.cold is not None
    return f"{row.cold.low:.2f}-{row.cold.high:.2f}"


def _word(faster: bool) -> str:
    return "faster" if faster else "slower"
