"""Numbers as text: durations, sizes, factors, percentages."""

from __future__ import annotations

import math

CANNOT_TELL = "cannot tell"
"""In place of an answer that the measurements do not give."""

_DURATIONS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_ROUNDS_UP = 0.9995
"""From this share of a unit on, three digits show the whole unit."""


def duration(seconds: float) -> str:
    """Up to three digits and a unit: "61.2 ns", "10 µs", "1.04 s"."""
    for unit, one in _DURATIONS:
        if seconds >= _ROUNDS_UP * one:
            return f"{three_digits(seconds / one)} {unit}"
    return "0 s" if seconds <= 0 else "under 1 ns"


def size(count: int) -> str:
    """Up to three digits and a unit: "2.71 MB"."""
    for unit, one in _SIZES:
        if count >= one:
            return f"{three_digits(count / one)} {unit}"
    return f"{count} bytes"


def three_digits(value: float) -> str:
    """Three significant digits, without exponents and trailing zeros: "0.012", "1.23", "12,300"."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    text = f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def two_digits(count: float) -> int:
    """A whole number rounded to two digits, as an estimate is read: 12,345 as 12,000."""
    whole = round(count)
    return round(whole, 2 - len(str(whole))) if whole > 99 else whole


def factor(value: float) -> str:
    """A ratio as text: "1.53x", "44.4x", "193x"."""
    return f"{factor_digits(value)}x"


def factor_digits(value: float) -> str:
    """The number of `factor` alone."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def percent(share: float) -> str:
    """A share in whole percent: "12 %", "under 1 %"."""
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def input_version(identity: str) -> str:
    """The identity of an input, for a sentence: a hash is shortened, anything else is whole."""
    is_hash = len(identity) == 64 and set(identity) <= set("0123456789abcdef")
    return f"SHA-256 {identity[:12]}…" if is_hash else f"input {identity}"


def first_line(text: str) -> str:
    """The first line of a message, for a sentence."""
    return text.partition("\n")[0]
