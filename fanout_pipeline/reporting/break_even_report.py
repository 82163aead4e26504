"""The break-even as a page, with sentences and tables, and as break_even.json for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from fanout_pipeline.measuring.break_even import CANNOT_TELL, FROM, CostQuestion, Crossing
from fanout_pipeline.measuring.break_even_run import Findings
from fanout_pipeline.measuring.burden import Cost, seconds_text
from fanout_pipeline.measuring.machine import machine_sentence
from fanout_pipeline.reporting.break_even_plots import count_text
from fanout_pipeline.reporting.escape import markdown
from fanout_pipeline.results.files.atomic import make_folder, replacing, write_text

_LONG_BURN, _BUSY = 1e-4, 1.25
"""Burns from so many seconds on tell, by so many times their length, that the cores are not ours."""
LINES_PLOT, WINNERS_PLOT = "lines.png", "winners.png"


def sentences(findings: Findings) -> list[str]:
    """One for each strategy that was compared."""
    return [_sentence(findings, strategy) for strategy in findings.grid.strategies[1:]]


def crossings_records(findings: Findings) -> list[dict[str, str]]:
    """A row a strategy: from which item count it wins, in a column for each cost."""
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
                f"# {findings.name}: from where on does a fan-out pay?",
                "\n".join(f"- {sentence}" for sentence in sentences(findings)),
                f"![which strategy wins]({winners})",
                f"From which item count on each beats {reference}, with the 95 % interval (+: beyond "
                "what was run, by the lines):",
                _table(crossings_records(findings)),
                f"From which added time an item on each beats {reference}, at "
                f"{findings.answers.items:,} items:",
                _table(_cost_records(findings)),
                f"never: neither in the grid (up to {grid.counts[-1]:,} items) nor ten times beyond "
                "it. cannot tell: the runs made do not show it either way; a larger "
                "`budget_seconds` adds runs to these.",
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
        return f"**{strategy}** {markdown(failure)}: it was left out from there on."
    if plain.answer == CANNOT_TELL:
        text = f"Whether **{strategy}** ever beats {reference} as the function is cannot be told "
        text += "from these runs"
    else:
        verb = "beats" if plain.answer == FROM else "never beats"
        text = f"**{strategy}** {verb} {reference}{_from_items(plain)} as the function is"
    for waits, what in ((False, "more work"), (True, "of waiting")):
        crossing = answers.by_cost.get(CostQuestion(strategy, waits))
        if crossing is None or crossing.answer != FROM or crossing.value is None:
            continue
        value, interval = seconds_text(crossing.value), _interval(crossing, items=False)
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
    return f" from about {_rounded(crossing.value):,} items ({interval}{beyond})"


def _interval(crossing: Crossing, items: bool) -> str:
    assert crossing.low is not None
    low = f"{_rounded(crossing.low):,}" if items else seconds_text(crossing.low)
    if crossing.high is None:
        return f"95 % from {low} with no upper end"
    high = f"{_rounded(crossing.high):,}" if items else seconds_text(crossing.high)
    return f"95 % {low}–{high}"


def _short(crossing: Crossing | None, items: bool) -> str:
    """A crossing in a table."""
    if crossing is None:
        return "–"
    if crossing.answer != FROM or crossing.value is None or crossing.low is None:
        return crossing.answer
    shown = _count if items else seconds_text
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
        "strategy in a cell, in random order, every result compared with that of "
        f"{grid.reference}. Not run: {skipped or 'nothing'}. Each run is wall time from file to "
        "committed parts; a batch function takes part only as it is, for the added work is done "
        "item by item."
    )


def _disturbed(findings: Findings) -> list[str]:
    """What serial's burns took, where that shows that the cores had other work."""
    lines = findings.answers.lines[findings.grid.reference]
    burns = [cost for cost in lines if cost.seconds >= _LONG_BURN and not cost.waits]
    if not burns:
        return []
    took = lines[burns[-1]].per_item - lines[Cost()].per_item
    if took < _BUSY * burns[-1].seconds:
        return []
    return [
        f"**The machine was busy with other work:** a burn of {seconds_text(burns[-1].seconds)} took "
        f"{findings.grid.reference} {seconds_text(took)}. Answers are wider for it, or wrong where "
        "the other work came and went. Materialize again with `fresh: true` when it is quiet."
    ]


def _table(records: list[dict[str, str]]) -> str:
    return tabulate(records, headers="keys", tablefmt="github", disable_numparse=True)


def _count(value: float) -> str:
    return count_text(_rounded(value))


def _rounded(value: float) -> int:
    """Two digits are more than the interval allows."""
    whole = round(value)
    return round(whole, 2 - len(str(whole))) if whole > 99 else whole
