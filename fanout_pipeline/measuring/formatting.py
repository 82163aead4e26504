"""Quantities as people read them."""

from __future__ import annotations

import math

_DURATIONS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


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
