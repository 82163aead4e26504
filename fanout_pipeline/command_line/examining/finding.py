"""What one look has found."""

from __future__ import annotations

from dataclasses import dataclass

FINE, WARNING, FAILURE = "fine", "warning", "failure"
"""As it should be; works, but slowly or not for long; will not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people, with what to do where that is not fine."""

    level: str
    """`fine`, `warning` or `failure`."""
    about: str
    """What was looked at: `cores`, or the key of an asset."""
    text: str
    """What was found."""
    to_do: str = ""
    """What to do about it; empty where all is fine."""


def fine(about: str, text: str) -> Finding:
    return Finding(FINE, about, text)


def warning(about: str, text: str, to_do: str) -> Finding:
    return Finding(WARNING, about, text, to_do)


def failure(about: str, text: str, to_do: str) -> Finding:
    return Finding(FAILURE, about, text, to_do)
