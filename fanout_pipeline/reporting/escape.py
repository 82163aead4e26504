"""Values and names from data on their way into a page: visible, short, and nothing but text.

HTML escapes by itself (the template's autoescape); Markdown does not.
"""

from __future__ import annotations

import re
from typing import Any

from fanout_pipeline.results.files.printable import printable

SHORT = 40
_LARGEST_SHOWN = 4000  # bits: Python refuses to print integers of more than 4300 digits
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}  # also inside tables
_SPECIAL = re.compile(r"[&<>|\\`*\[\]!~#$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.|(?<=\w)@(?=\w)", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:[-+](?=\s|$)|[-=](?=[-=\s]*$)|\d{1,9}(?=[.)](?:\s|$)))")


def plain(value: Any, limit: int | None = SHORT) -> str:
    """One line of printable text; what cannot be seen (ANSI codes, line ends) as Python escapes it."""
    if isinstance(value, int) and value.bit_length() > _LARGEST_SHOWN:
        return f"an integer of {value.bit_length():,} bits"
    return printable(str(value), limit)


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, in a paragraph, a list item or a table's cell.

    It becomes no HTML, image, code, table border, list or link. Some viewers turn any address into a
    link, but none is followed without a click.
    """
    escaped = _SPECIAL.sub(lambda found: _escaped(found[0]), printable(text, None))
    escaped = _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", escaped)
    return _BLOCK.sub(lambda found: _first(found[0]), escaped.strip())


def _escaped(character: str) -> str:
    return _ENTITIES.get(character) or f"\\{character}"


def _first(start: str) -> str:
    """Escape what would begin a list or a rule; in "1." the digit, as a dot cannot be escaped there."""
    return f"&#{ord(start[0])};{start[1:]}"
