"""What was found, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fanout_pipeline.command_line.examining.finding import FAILURE, FINE, WARNING, Finding

_WORDS = {FINE: "ok", WARNING: "WARNING", FAILURE: "FAILS"}
_WIDTH = 110


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """A paragraph for each, and how many there are of each kind."""
    for one in found:
        first = f"{_WORDS[one.level]:8} {one.about}: "
        yield from textwrap.wrap(
            first + one.text, _WIDTH, subsequent_indent=" " * 9, break_on_hyphens=False
        )
        if one.to_do:
            yield from textwrap.wrap(
                f"-> {one.to_do}",
                _WIDTH,
                initial_indent=" " * 9,
                subsequent_indent=" " * 12,
                break_on_hyphens=False,
            )
    counts = {level: sum(one.level == level for one in found) for level in _WORDS}
    yield (
        f"{counts[FAILURE]} will not work, {counts[WARNING]} warnings, {counts[FINE]} looked at and fine."
    )


def record(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [asdict(one) for one in found]
