"""Text from data on its way into a message, a log or a table: all of it can be seen, and it is short.

An escape code that reaches a terminal moves its cursor or changes what was shown before; a line end in
a value begins a line that looks like one of the log's own; some text is megabytes long.
"""

from __future__ import annotations

_LINE = 2000
_LINES = 200


def printable(text: str, limit: int | None = _LINE) -> str:
    """One line of printable text; what cannot be seen (ANSI codes, line ends) as Python escapes it.

    Of one that is longer than `limit`, the beginning and the end.
    """
    text = text if limit is None else both_ends(text, limit)
    return text if text.isprintable() else "".join(map(_visible, text))


def both_ends(text: str, limit: int) -> str:
    """The beginning and the end of a long text, `limit` characters in all, and how many are left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}… ({len(text) - 2 * half:,} characters left out) …{text[-half:]}"


def printable_lines(text: str) -> str:
    """The same of each line of a text of several, a traceback; of many lines, the first and the last."""
    lines = text.split("\n")
    if len(lines) > _LINES:
        left_out = f"… ({len(lines) - _LINES:,} lines)"
        lines = [*lines[: _LINES // 2], left_out, *lines[-_LINES // 2 :]]
    return "\n".join(printable(line.replace("\t", "    ")) for line in lines)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
