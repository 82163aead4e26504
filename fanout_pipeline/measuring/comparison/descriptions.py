"""What is said of one strategy in relation to the reference."""

from __future__ import annotations

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.statistics.inference import Claim, RatioEstimate, claim


def sentence(comparison: Comparison, strategy: str) -> str:
    """The article's last line for one strategy: "multiprocess was 10.24 times slower than serial."."""
    row, reference = comparison.row(strategy), comparison.reference
    if row is None:
        failure = comparison.run.failures.get(strategy)
        return (
            f"{strategy} failed: {first_line(failure)}."
            if failure
            else f"{strategy} was not tried."
        )
    if strategy == reference:
        return f"{strategy} is what the others are compared with."
    if row.ratio is None:
        why = "there was no whole round of both" if comparison.items else "there are no items"
        return f"{strategy} cannot be compared with {reference}: {why}."
    if row.cold is not None and row.claim is Claim.SAME:
        return f"{strategy} was {told(row.cold, comparison)}."
    if row.ratio >= 1:
        return f"{strategy} was {row.ratio:.2f} times slower than {reference}."
    return f"{strategy} was {1 / row.ratio:.2f} times faster than {reference}."


def compared(row: Row, reference: str, *, would_be: bool = False) -> str:
    """ "14.9x faster than serial (95 % 14.1-15.6)"."""
    assert row.cold is not None
    be = "would be " if would_be else ""
    ratio, low, high = row.cold.ratio, row.cold.low, row.cold.high
    faster = ratio < 1
    word = "faster" if faster else "slower"
    text = f"{be}{times(1 / ratio if faster else ratio)} {word} than {reference}"
    if low is None or high is None:
        return text
    edges = (1 / high, 1 / low) if faster else (low, high)
    return f"{text} (95 % {_number(edges[0])}-{_number(edges[1])})"


def told(estimate: RatioEstimate, comparison: Comparison) -> str:
    """ "2.10x slower than serial", "not told from serial (0.92 times its time)"."""
    shown = claim(estimate, comparison.noise)
    if shown is Claim.SAME:
        return f"not told from {comparison.reference} ({estimate.ratio:.2f} times its time)"
    faster = estimate.ratio < 1
    factor = times(1 / estimate.ratio if faster else estimate.ratio)
    few = f" ({shown})" if shown is Claim.TOO_FEW else ""
    return f"{factor} {'faster' if faster else 'slower'} than {comparison.reference}{few}"


def times(factor: float) -> str:
    return f"{_number(factor)}x"


def _number(factor: float) -> str:
    return (
        f"{factor:,.0f}" if factor >= 100 else f"{factor:.1f}" if factor >= 10 else f"{factor:.2f}"
    )


def first_line(failure: str) -> str:
    return failure.partition("\n")[0]
