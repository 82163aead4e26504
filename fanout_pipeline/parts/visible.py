"""Text from data on its way into a message, a log or a table: all of it can be seen, and it is short.

An escape code that reaches a terminal moves its cursor or changes what was shown before; a line end in
a value begins a line that looks like one of the log's own; some text is megabytes long.
"""

from __future__ import annotations

_LINE = 1000
_LINES = 200


def visible(text: str, limit: int | None = _LINE) -> str:
    """One line of printable text; what cannot be seen (ANSI codes, line ends) as Python escapes it."""
    left_out = ""
    if limit is not None and len(text) > limit:
        left_out = f"… ({len(text):,} characters)"
        text = text[:limit]
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return text + left_out


def visible_lines(text: str) -> str:
    """The same of each line of a text of several, a traceback; of many, the first and the last."""
    lines = text.split("\n")
    if len(lines) > _LINES:
        left_out = f"… ({len(lines) - _LINES:,} lines)"
        lines = [*lines[: _LINES // 2], left_out, *lines[-_LINES // 2 :]]
    return "\n".join(visible(line.replace("\t", "    ")) for line in lines)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
