"""Text from data, made short and printable for a message, a log or a table.

An escape code in a terminal moves its cursor or changes what was displayed before; a line end in a value
starts a line that looks like one of the log's own; and some texts are megabytes long.
"""

from __future__ import annotations

_LINE = 2000
_LINES = 200


def printable(text: str, limit: int | None = _LINE) -> str:
    """One line of printable text, with control characters and line ends escaped as in Python.

    Of a text longer than `limit`, only the beginning and the end.
    """
    text = text if limit is None else both_ends(text, limit)
    return text if text.isprintable() else "".join(map(_escaped, text))


def both_ends(text: str, limit: int) -> str:
    """The beginning and the end of a long text, `limit` characters in all, and how many are left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}… ({len(text) - 2 * half:,} characters left out) …{text[-half:]}"


def printable_lines(text: str) -> str:
    """Several lines, such as a traceback, each made printable; of many lines the first and the last."""
    lines = text.split("\n")
    if len(lines) > _LINES:
        left_out = f"… ({len(lines) - _LINES:,} lines)"
        lines = [*lines[: _LINES // 2], left_out, *lines[-_LINES // 2 :]]
    return "\n".join(printable(line.replace("\t", "    ")) for line in lines)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
