"""A break-even measurement as a page with sentences and tables, and as break_even.json for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.answers import FROM, CostQuestion, Crossing
from fanout_pipeline.measuring.break_even.measure import Findings
from fanout_pipeline.measuring.formatting import CANNOT_TELL, duration, two_digits
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.reporting.break_even_plots import count_text
from fanout_pipeline.reporting.escape import markdown
from fanout_pipeline.results.files.atomic import make_folder, replacing, write_text

_LONG_BURN_SECONDS = 1e-4
"""Burns from this length on show whether the cores were free."""
_BUSY = 1.25
"""How many times longer than calibrated such a burn takes on a busy machine."""
LINES_PLOT, WINNERS_PLOT = "lines.png", "winners.png"


def sentences(findings: Findings) -> list[str]:
    """A sentence for each strategy that was compared."""
    return [_sentence(findings, strategy) for strategy in findings.grid.strategies[1:]]


def crossings_records(findings: Findings) -> list[dict[str, str]]:
    """A row for each strategy: from which item count on it wins, with a column for each cost."""
    grid, answers = findings.grid, findings.answers
    return [
        {"strategy": strategy}
        | {
            cost.name: _short(answers.by_items.get((strategy, cost)), items=True)
            for cost in grid.costs
        }
        for strategy in grid.strategies[1:]
    ]


def break_even_markdown(findings: Findings, lines: str, winners: str) -> str:
    """A page for people; `lines` and `winners` are the addresses of the pictures."""
    grid, reference = findings.grid, findings.grid.reference
    return (
        "\n\n".join(
            [
                f"# {findings.name}: when does a fan-out pay?",
                "\n".join(f"- {sentence}" for sentence in sentences(findings)),
                f"![which strategy wins]({winners})",
                f"From which item count on each strategy beats {reference}, with the 95 % interval "
                "(+: beyond what was run, predicted by the fit):",
                _table(crossings_records(findings)),
                f"From how much added time an item on each strategy beats {reference}, at "
                f"{findings.answers.items:,} items:",
                _table(_cost_records(findings)),
                f"never: neither in the grid (up to {grid.counts[-1]:,} items) nor up to ten times "
                "beyond it. cannot tell: the runs so far do not show it either way; a larger "
                "`budget_seconds` adds runs to them.",
                f"![time over items]({lines})",
                f"Workers: {findings.scaling.sentence}",
                *_disturbed(findings),
                _how(findings),
                f"Measured on {machine_sentence(dict(findings.machine))}.",
            ]
        )
        + "\n"
    )


def break_even_record(findings: Findings) -> dict[str, Any]:
    """What break_even.json holds. Fields may be added, not renamed."""
    grid, answers = findings.grid, findings.answers
    return {
        "name": findings.name,
        "reference": grid.reference,
        "items": answers.items,
        "workers": findings.workers,
        "sentences": sentences(findings),
        "by_items": [
            {"strategy": strategy, "cost": cost.name} | asdict(crossing)
            for (strategy, cost), crossing in answers.by_items.items()
        ],
        "by_cost": [
            {"strategy": asked.strategy, "waits": asked.waits} | asdict(crossing)
            for asked, crossing in answers.by_cost.items()
        ],
        "winners": [
            {"cost": cell.cost.name, "items": cell.items} | asdict(winner)
            for cell, winner in answers.winners.items()
        ],
        "cells": [
            {
                "strategy": strategy,
                "cost": cell.cost.name,
                "items": cell.items,
                "median_seconds": median(seconds),
                "seconds": seconds,
            }
            for strategy in grid.strategies
            for cell, seconds in findings.model.cells(strategy).items()
        ],
        "lines": [
            {"strategy": strategy, "cost": cost.name} | line._asdict()
            for strategy, found in answers.lines.items()
            for cost, line in found.items()
        ],
        "skipped": [
            {
                "strategy": skip.strategy,
                "cost": skip.cell.cost.name,
                "items": skip.cell.items,
                "reason": skip.reason,
            }
            for skip in findings.skips
        ],
        "scaling": asdict(findings.scaling),
        "runs": {"of_earlier_runs": findings.reused, "of_this_run": findings.taken},
        "seconds": findings.seconds,
        "machine": dict(findings.machine),
    }


def write_break_even(folder: Path, findings: Findings, lines: bytes, winners: bytes) -> None:
    """Write break_even.json, break_even.md and the plots, each whole."""
    make_folder(folder)
    for name, picture in ((LINES_PLOT, lines), (WINNERS_PLOT, winners)):
        with replacing(folder / name) as file:
            file.write(picture)
    page = break_even_markdown(findings, LINES_PLOT, WINNERS_PLOT)
    write_text(folder / "break_even.md", page)
    record = json.dumps(break_even_record(findings), indent=1, allow_nan=False) + "\n"
    write_text(folder / "break_even.json", record)


def _sentence(findings: Findings, strategy: str) -> str:
    reference, answers = findings.grid.reference, findings.answers
    plain = answers.by_items[strategy, Cost()]
    failure = next((s.reason for s in findings.skips if s.strategy == strategy and s.failed), None)
    if failure is not None:
        return f"**{strategy}** {markdown(failure)}: it was left out of all later runs."
    if plain.answer == CANNOT_TELL:
        text = f"These runs do not show whether **{strategy}** ever beats {reference} with the "
        text += "function as it is"
    else:
        verb = "beats" if plain.answer == FROM else "never beats"
        text = f"**{strategy}** {verb} {reference}{_from_items(plain)} with the function as it is"
    for waits, what in ((False, "more work"), (True, "of waiting")):
        crossing = answers.by_cost.get(CostQuestion(strategy, waits))
        if crossing is None or crossing.answer != FROM or crossing.value is None:
            continue
        value, interval = duration(crossing.value), _interval(crossing, items=False)
        if crossing.value == 0:
            text += f"; with any {what.split()[-1]} at {answers.items:,} items"
        else:
            text += f"; from {value} {what} an item ({interval}) at {answers.items:,} items"
    return text + "."


def _from_items(crossing: Crossing) -> str:
    if crossing.answer != FROM or crossing.value is None:
        return ""
    beyond = ", beyond what was run" if crossing.extrapolated else ""
    interval = _interval(crossing, items=True)
    return f" from about {two_digits(crossing.value):,} items ({interval}{beyond})"


def _interval(crossing: Crossing, items: bool) -> str:
    assert crossing.low is not None
    low = f"{two_digits(crossing.low):,}" if items else duration(crossing.low)
    if crossing.high is None:
        return f"95 % from {low} with no upper end"
    high = f"{two_digits(crossing.high):,}" if items else duration(crossing.high)
    return f"95 % {low}–{high}"


def _short(crossing: Crossing | None, items: bool) -> str:
    """A crossing as a table's cell."""
    if crossing is None:
        return "–"
    if crossing.answer != FROM or crossing.value is None or crossing.low is None:
        return crossing.answer
    shown = _count if items else duration
    high = "…" if crossing.high is None else shown(crossing.high)
    mark = "+" if crossing.extrapolated else ""
    return f"{shown(crossing.value)}{mark} ({shown(crossing.low)}–{high})"


def _cost_records(findings: Findings) -> list[dict[str, str]]:
    return [
        {
            "strategy": strategy,
            "CPU work": _short(findings.answers.by_cost.get(CostQuestion(strategy, False)), False),
            "waiting": _short(findings.answers.by_cost.get(CostQuestion(strategy, True)), False),
        }
        for strategy in findings.grid.strategies[1:]
    ]


def _how(findings: Findings) -> str:
    grid = findings.grid
    reasons = Counter(skip.reason.partition(":")[0] for skip in findings.skips)
    skipped = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return (
        f"{findings.taken + findings.reused:,} timed runs ({findings.reused:,} of them earlier), "
        f"{findings.seconds:.0f} s, {findings.workers} workers, up to {grid.repeats} runs of each "
        "strategy in a cell, in random order, each run's results compared with those of "
        f"{grid.reference}. Not run: {skipped or 'nothing'}. Times are wall time from file to "
        "committed parts. A batch function takes part only as it is, because added work is done "
        "item by item."
    )


def _disturbed(findings: Findings) -> list[str]:
    """A warning where the reference's burns took so long that the cores must have had other work."""
    lines = findings.answers.lines[findings.grid.reference]
    burns = [cost for cost in lines if cost.seconds >= _LONG_BURN_SECONDS and not cost.waits]
    if not burns:
        return []
    took = lines[burns[-1]].per_item - lines[Cost()].per_item
    if took < _BUSY * burns[-1].seconds:
        return []
    return [
        f"**The machine was busy with other work:** a burn of {duration(burns[-1].seconds)} took "
        f"{findings.grid.reference} {duration(took)}. That makes intervals wider, and answers wrong "
        "where the other work came and went. Materialize again with `fresh: true` when the machine "
        "is quiet."
    ]


def _table(records: list[dict[str, str]]) -> str:
    return tabulate(records, headers="keys", tablefmt="github", disable_numparse=True)


def _count(value: float) -> str:
    return count_text(two_digits(value))
