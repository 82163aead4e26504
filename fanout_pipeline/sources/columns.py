"""Columns of sources that have some: their names and types, compared."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

_NAMES_SHOWN = 12


def nearest(name: str, names: Sequence[str]) -> str:
    """A sentence with the names that are most like one that is not there."""
    close = get_close_matches(name, names, 3, 0.5)
    if close:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    more = ", …" if len(names) > _NAMES_SHOWN else ""
    return f"It has {', '.join(map(repr, names[:_NAMES_SHOWN]))}{more}."
