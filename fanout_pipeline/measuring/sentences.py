"""The sentence about one strategy."""

from __future__ import annotations

from fanout_pipeline.measuring.comparison import Comparison
from fanout_pipeline.measuring.inference import Claim
from fanout_pipeline.measuring.verdict import first_line


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
    if row.claim is Claim.SAME:
        return f"{strategy} was not told from {reference} ({row.ratio:.2f} times its time)."
    if row.ratio >= 1:
        return f"{strategy} was {row.ratio:.2f} times slower than {reference}."
    return f"{strategy} was {1 / row.ratio:.2f} times faster than {reference}."
