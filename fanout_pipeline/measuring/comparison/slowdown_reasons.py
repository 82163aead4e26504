"""Why multiprocessing can be slower than a loop: four reasons, each with its number."""

from __future__ import annotations

from collections.abc import Sequence

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import shown
from fanout_pipeline.measuring.formatting import duration, percent, size, three_digits

_PROCESSES = ("multiprocess", "pool_map", "queue")
"""Of the strategies with processes, those that differ in what they send."""
_STARTING = ("start", "stop")
_NO_ITEMS = "not measured, as there are no items"


def slowdown_reasons(comparison: Comparison) -> tuple[str, ...]:
    """Four sentences, always. Each begins with its subject and a colon."""
    return (
        f"Starting processes: {_starting(comparison)}.",
        f"Pickling and sending every item: {_sending(comparison)}.",
        f"A task too small: {_too_small(comparison)}.",
        f"The GIL: {_gil(comparison)}.",
    )


def _starting(comparison: Comparison) -> str:
    rows = _recorded(comparison, _PROCESSES)
    if not rows:
        return _not_measured(comparison, _PROCESSES)
    shares = [
        f"{duration(row.seconds_in(*_STARTING))} of {duration(row.phases_wall_seconds)} in "
        f"{row.strategy} ({percent(row.share_of(*_STARTING))})"
        for row in rows
    ]
    base = comparison.rows[0]
    return (
        f"starting workers, their imports and stopping them took {', '.join(shares)}. "
        f"The whole of {base.strategy} took {duration(base.wall_seconds)}"
    )


def _sending(comparison: Comparison) -> str:
    if not comparison.items:
        return _NO_ITEMS
    parts = [_sent_items(row) for row in _recorded(comparison, ("queue", "pool_map"))]
    direct = comparison.row("multiprocess")
    if direct is not None and direct.phases:
        sent = f" ({size(direct.sent_bytes)})" if direct.sent_bytes else ""
        parts.append(
            "multiprocess sends no items, only descriptors of chunks and in short runs their "
            f"results{sent}"
        )
    return "; ".join(parts) or _not_measured(comparison, _PROCESSES)


def _sent_items(row: Row) -> str:
    # Its workers wait for nothing else, but for the other worker at the end.
    seconds = row.seconds_in("wait")
    text = (
        f"{row.strategy} spent {duration(seconds)} ({percent(row.share_of('wait'))}) waiting for items "
        f"and results to be moved, {duration(seconds / row.items)} an item"
    )
    if row.sent_bytes:
        text += (
            f", and {duration(row.pickle_seconds)} of CPU time on pickling {size(row.sent_bytes)}, "
            f"{three_digits(row.sent_bytes / row.items)} bytes an item"
        )
    return text


def _too_small(comparison: Comparison) -> str:
    base = comparison.rows[0]
    if not comparison.items:
        return _NO_ITEMS
    seconds = base.phases.get("call", 0.0)
    if seconds <= 0:
        return f"not measured, as {base.strategy} recorded no time for the function"
    call = seconds / base.items
    parts = [f"the function takes {duration(call)} an item"]
    for row in _recorded(comparison, ("queue",)):
        moving = row.phases.get("wait", 0.0) / row.items
        parts.append(
            f"moving an item in {row.strategy} takes {duration(moving)}, "
            f"{three_digits(moving / call)} times as long"
        )
    for row in _recorded(comparison, _PROCESSES)[:1]:
        starting = row.seconds_in(*_STARTING)
        parts.append(
            f"starting and stopping the workers of {row.strategy} takes as long as "
            f"{three_digits(starting / call)} calls"
        )
    return "; ".join(parts)


def _gil(comparison: Comparison) -> str:
    rule = "one thread at a time runs Python code, while processes do not wait for each other"
    if not comparison.items:
        return f"{rule}. Here {_NO_ITEMS}"
    threads, processes = comparison.row("threads"), comparison.row("multiprocess")
    parts = []
    if threads is not None and threads.cold is not None:
        against = shown(threads.cold, threads.claim, comparison.reference)
        parts.append(f"{threads.workers} threads (threads) were {against}")
    if processes is not None and processes.warm is not None:
        against = shown(processes.warm, processes.warm_claim, comparison.reference)
        parts.append(f"{processes.workers} processes already running (multiprocess) were {against}")
    if not parts:
        return f"{rule}. Here {_not_measured(comparison, ('threads', 'multiprocess'))}"
    rows = [row for row in (threads, processes) if row is not None]
    calls = _calls(comparison, rows)
    one = [row.strategy for row in rows if row.workers < 2]
    alone = f". With one worker {' and '.join(one)} had nothing to share" if one else ""
    return f"{rule}. {'; '.join(parts)}{calls}{alone}"


def _calls(comparison: Comparison, rows: Sequence[Row]) -> str:
    """The same calls, summed over the workers: calls that wait for the GIL take longer."""
    base = comparison.rows[0]
    seconds = base.phases.get("call", 0.0)
    recorded = [row for row in rows if row.phases.get("call", 0.0) > 0]
    if seconds <= 0 or not recorded:
        return ""
    sums = ", ".join(
        f"{duration(row.phases['call'] * row.workers)} in {row.strategy}" for row in recorded
    )
    took = f"{sums}, {duration(seconds)} in {base.strategy}"
    return f". All calls, summed over the workers, took {took}"


def _recorded(comparison: Comparison, names: Sequence[str]) -> list[Row]:
    rows = [comparison.row(name) for name in names]
    return [row for row in rows if row is not None and row.phases]


def _not_measured(comparison: Comparison, names: Sequence[str]) -> str:
    if any(comparison.row(name) for name in names):
        return "not measured, as too little was recorded"
    return f"not measured, as none of {', '.join(names)} was tried"
