"""Which strategy to use, as far as one timed run of each can tell."""

from __future__ import annotations

from dataclasses import dataclass

from fanout_pipeline.measuring.comparison import Comparison

STAY_SERIAL = "stay serial"
CANNOT_TELL = "cannot tell"

_NOISE_FACTOR = 3
"""The ratio of two single runs lies up to 2.1 times off its median (docs/decisions/verdict.md)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, why, and whether to rely on it."""

    use: str
    """A strategy's name, "stay serial" or "cannot tell"."""
    reason: str
    trusted: bool
    """False as long as it rests on single runs."""


def decide(comparison: Comparison) -> Verdict:
    """The fastest correct strategy, if it is faster by more than single runs differ by chance."""
    if comparison.items == 0:
        return Verdict(CANNOT_TELL, "there are no items", trusted=False)
    reference = comparison.reference
    ratios = {
        row.measured.strategy: row.ratio
        for row in comparison.rows
        if row.ratio is not None and row.measured.correct and row.measured.strategy != reference
    }
    if not ratios:
        return Verdict(STAY_SERIAL, f"nothing but {reference} gave right results", trusted=False)
    best = min(ratios, key=lambda name: ratios[name])
    ratio = ratios[best]
    basis = "one timed run of each"
    if ratio <= 1 / _NOISE_FACTOR:
        return Verdict(
            best, f"{best} was {1 / ratio:.1f} times faster than {reference} ({basis})", False
        )
    if ratio >= _NOISE_FACTOR:
        return Verdict(
            STAY_SERIAL,
            f"the next best, {best}, was {ratio:.1f} times slower than {reference} ({basis})",
            trusted=False,
        )
    return Verdict(
        CANNOT_TELL,
        f"{best} took {ratio:.2f} times as long as {reference}; single runs differ by more "
        f"than that ({basis})",
        trusted=False,
    )
