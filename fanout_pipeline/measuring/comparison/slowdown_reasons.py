"""Why multiprocessing can be slower than a loop: the article's four reasons, each with its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fanout_pipeline.measuring.comparison.breakdown import breakdown
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import told
from fanout_pipeline.measuring.formatting import duration, size, three_digits

_PROCESSES = ("multiprocess", "pool_map", "queue")
"""Of the ways to use processes, those that differ in what they send."""
_STARTING = ("start", "import", "stop")


def reasons(comparison: Comparison) -> tuple[str, ...]:
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
    shares = []
    for row in rows:
        found = breakdown(row)
        shares.append(
            f"{row.strategy} spent {duration(found.seconds(*_STARTING))} of "
            f"{duration(found.wall_seconds)} ({_percent(found.share(*_STARTING))})"
        )
    base = comparison.rows[0]
    whole = duration(base.wall_seconds)
    return (
        f"for starting workers, their imports and stopping them {', '.join(shares)}. "
        f"The whole of {base.strategy} took {whole}"
    )


def _sending(comparison: Comparison) -> str:
    if not comparison.items:
        return "not measured, as there are no items"
    rows = _recorded(comparison, ("queue", "pool_map"))
    parts = [_sent_items(row) for row in rows]
    direct = comparison.row("multiprocess")
    if direct is not None and direct.phases:
        sent = f" ({size(direct.sent_bytes)})" if direct.sent_bytes else ""
        took = duration(breakdown(direct).seconds("send"))
        parts.append(
            f"multiprocess sends no item, but descriptors of chunks and in short runs their results{sent}, in {took}"
        )
    return "; ".join(parts) or _not_measured(comparison, _PROCESSES)


def _sent_items(row: Row) -> str:
    found = breakdown(row)
    seconds = found.seconds("send")
    text = (
        f"{row.strategy} spent {duration(seconds)} ({_percent(found.share('send'))}) on moving items "
        f"and results, {duration(seconds / row.items)} an item"
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
        return "not measured, as there are no items"
    seconds = base.phases.get("call", 0.0)
    if seconds <= 0:
        return f"not measured, as {base.strategy} recorded no time of the function"
    call = seconds / base.items
    parts = [f"the function takes {duration(call)} an item"]
    for row in _recorded(comparison, ("queue",)):
        moving = row.phases.get("send", 0.0) / row.items
        parts.append(
            f"moving an item in {row.strategy} takes {duration(moving)}, "
            f"{three_digits(moving / call)} times that"
        )
    for row in _recorded(comparison, ("multiprocess", "pool_map", "queue"))[:1]:
        starting = breakdown(row).seconds(*_STARTING)
        parts.append(
            f"starting and stopping the workers of {row.strategy} takes as long as "
            f"{three_digits(starting / call)} calls"
        )
    return "; ".join(parts)


def _gil(comparison: Comparison) -> str:
    rule = "one thread at a time runs Python code, while processes do not wait for each other"
    if not comparison.items:
        return f"{rule}. Here not measured, as there are no items"
    threads, processes = comparison.row("threads"), comparison.row("multiprocess")
    parts = []
    if threads is not None and threads.cold is not None:
        shown = told(threads.cold, comparison)
        parts.append(f"{threads.workers} threads (threads) were {shown}")
    if processes is not None and processes.warm is not None:
        shown = told(processes.warm, comparison)
        parts.append(
            f"{processes.workers} processes that are there already (multiprocess) were {shown}"
        )
    if not parts:
        return f"{rule}. Here {_not_measured(comparison, ('threads', 'multiprocess'))}"
    calls = "; ".join(_calls(comparison, [row for row in (threads, processes) if row is not None]))
    one = [row.strategy for row in (threads, processes) if row is not None and row.workers < 2]
    alone = f". With one worker {' and '.join(one)} had nothing to share" if one else ""
    return f"{rule}. {'; '.join(parts)}{'. ' if calls else ''}{calls}{alone}"


def _calls(comparison: Comparison, rows: Sequence[Row]) -> Iterator[str]:
    """The same calls, added up over the workers: what waits for the GIL takes longer."""
    base = comparison.rows[0]
    seconds = base.phases.get("call", 0.0)
    recorded = [row for row in rows if row.phases.get("call", 0.0) > 0]
    if seconds > 0 and recorded:
        sums = ", ".join(
            f"{duration(row.phases['call'] * row.workers)} in {row.strategy}" for row in recorded
        )
        yield f"All calls, added up over the workers, took {sums}, {duration(seconds)} in {base.strategy}"


def _recorded(comparison: Comparison, names: Sequence[str]) -> list[Row]:
    rows = [comparison.row(name) for name in names]
    return [row for row in rows if row is not None and row.phases]


def _not_measured(comparison: Comparison, names: Sequence[str]) -> str:
    if any(comparison.row(name) for name in names):
        return "not measured, as too little was recorded of it"
    return f"not measured, as none of {', '.join(names)} was tried"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else "under 1 %"
