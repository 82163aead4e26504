"""Sentences about one strategy, and quantities as people read them."""

from __future__ import annotations

import math

from fanout_pipeline.measuring.comparison import Comparison

_DURATIONS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def sentence(comparison: Comparison, strategy: str) -> str:
    """The article's last line for one strategy: "multiprocess was 10.24 times slower than serial."."""
    row, reference = comparison.row(strategy), comparison.reference
    if row is None:
        return f"{strategy} was not tried."
    if strategy == reference:
        return f"{strategy} is what the others are compared with."
    if row.ratio is None:
        why = "there was no whole round of both" if comparison.items else "there are no items"
        return f"{strategy} cannot be compared with {reference}: {why}."
    if row.ratio >= 1:
        return f"{strategy} was {row.ratio:.2f} times slower than {reference}."
    return f"{strategy} was {1 / row.ratio:.2f} times faster than {reference}."


def duration(seconds: float) -> str:
    """Three digits and a unit: "61.2 ns", "1.04 s"."""
    for unit, size in _DURATIONS:
        if seconds >= size:
            return f"{three_digits(seconds / size)} {unit}"
    return "0 s" if seconds <= 0 else "under 1 ns"


def size(count: int) -> str:
    """Three digits and a unit: "2.71 MB"."""
    for unit, one in _SIZES:
        if count >= one:
            return f"{three_digits(count / one)} {unit}"
    return f"{count} bytes"


def three_digits(value: float) -> str:
    """ "0.0120", "1.23", "12.0", "12,300": no exponents."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"
