"""What was cleaned, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fanout_pipeline.command_line.cleaning.cleaning import IN_USE, LEFT, NEWER, REMOVED, Cleaning
from fanout_pipeline.measuring.formatting import size
from fanout_pipeline.results.files.printable import printable


def lines(cleaning: Cleaning) -> Iterator[str]:
    """A line for each thing that is removed, or would be, or cannot be; then the totals."""
    now = time.time()
    for one in sorted(cleaning.found, key=lambda one: -one.bytes):
        if one.became in (REMOVED, LEFT):
            where = printable(str(one.path.relative_to(cleaning.root)))
            why = f": NOT REMOVED, {one.why}" if one.became == LEFT else ""
            yield f"{size(one.bytes):>9}  {_ago(now - one.changed):>5}  {one.what}: {where}{why}"
    verb = "would be removed" if cleaning.dry_run else "removed"
    removed = f"{cleaning.count(REMOVED):,} {verb}: {size(cleaning.bytes(REMOVED))}."
    kept = ", ".join(
        f"{count:,} {became} ({size(cleaning.bytes(became))})"
        for became in (NEWER, IN_USE, LEFT)
        if (count := cleaning.count(became))
    )
    yield f"{cleaning.root}: {removed}" + (f" Kept: {kept}." if kept else "")
    if cleaning.dry_run:
        yield "Nothing was removed (--dry-run)."


def record(cleaning: Cleaning) -> dict[str, Any]:
    """The same for programs: sizes in bytes, times in UTC."""
    return {
        "root": str(cleaning.root),
        "dry_run": cleaning.dry_run,
        "before": _time(cleaning.before),
        "removed_bytes": cleaning.bytes(REMOVED),
        "found": [
            {
                "what": one.what,
                "path": str(one.path.relative_to(cleaning.root)),
                "bytes": one.bytes,
                "changed": _time(one.changed),
                "became": one.became,
            }
            | ({"why": one.why} if one.why else {})
            for one in cleaning.found
        ],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _ago(seconds: float) -> str:
    """A duration in the largest unit of which there are two."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
