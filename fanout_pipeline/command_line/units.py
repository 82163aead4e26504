"""Durations and sizes as people write and read them."""

from __future__ import annotations

import re

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


def duration(text: str) -> float:
    """Seconds, from a text such as 12h, 30d or 2w. Raises ValueError."""
    found = re.fullmatch(r"(\d+)([hdw])", text.strip(), re.ASCII)
    if found is None:
        raise ValueError(
            f"{text!r} is no duration: write a whole number of hours, days or weeks, such as 12h, 30d or 2w"
        )
    return float(int(found[1]) * _SECONDS[found[2]])


def ago(seconds: float) -> str:
    """A duration in the largest unit of which there are two."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def in_bytes(size: float) -> str:
    """A size with three digits, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB" if size < 999.5 else f"{size:,.0f} TB"
