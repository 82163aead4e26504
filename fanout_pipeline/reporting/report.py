"""report.json for programs, report.md and its plot for people."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fanout_pipeline.measuring.comparison import Comparison, sentence
from fanout_pipeline.measuring.machine import machine_sentence
from fanout_pipeline.measuring.verdict import Verdict
from fanout_pipeline.parts.atomic import make_folder, replacing, write_text
from fanout_pipeline.reporting.tables import comparison_table, first_results_table

ARTICLE_STRATEGY = "multiprocess"
"""The strategy that the article's closing sentence is about."""
TIMES_PLOT = "times.png"


def report_record(
    comparison: Comparison, verdict: Verdict, machine: dict[str, Any]
) -> dict[str, Any]:
    """What report.json holds. Fields may be added, not renamed."""
    return {
        "name": comparison.name,
        "items": comparison.items,
        "reference": comparison.reference,
        "strategies": {
            row.measured.strategy: {
                "wall_seconds": row.measured.wall_seconds,
                "wall_seconds_all": [row.measured.wall_seconds],
                "start_seconds": row.measured.start_seconds,
                "ratio": row.ratio,
                "ratio_ci95": None,
                "speedup": row.speedup,
                "efficiency": row.efficiency,
                "workers": row.measured.workers,
                "in_order": row.measured.in_order,
                "missing": row.measured.missing,
                "duplicated": row.measured.duplicated,
                "wrong": row.measured.wrong,
                "digest": row.measured.digest,
                "overlapped_with": row.measured.overlapped_with,
            }
            for row in comparison.rows
        },
        "verdict": asdict(verdict),
        "machine": machine,
    }


def report_markdown(
    comparison: Comparison, verdict: Verdict, machine: dict[str, Any], plot: str
) -> str:
    """A page for people; `plot` is the address of the picture (a file name or a data URI)."""
    overlaps = [
        f"- {row.measured.strategy} ran beside {', '.join(row.measured.overlapped_with)}: "
        "its time is not comparable."
        for row in comparison.rows
        if row.measured.overlapped_with
    ]
    return (
        "\n\n".join(
            [
                f"# {comparison.name}: {comparison.items:,} items",
                f"**{sentence(comparison, ARTICLE_STRATEGY)}** Verdict: **{verdict.use}**, as "
                f"{verdict.reason}.",
                comparison_table(comparison),
                "ratio: time divided by that of "
                f"{comparison.reference}, under 1 is faster. efficiency: speed-up for each worker.",
                *overlaps,
                f"![wall time of each strategy]({plot})",
                "The first results of each:",
                first_results_table(comparison),
                f"Measured on {machine_sentence(machine)}.",
            ]
        )
        + "\n"
    )


def write_report(
    folder: Path, comparison: Comparison, verdict: Verdict, machine: dict[str, Any], plot: bytes
) -> None:
    """Write report.json, report.md and the plot, each whole."""
    make_folder(folder)
    with replacing(folder / TIMES_PLOT) as aside:
        aside.write_bytes(plot)
    write_text(folder / "report.md", report_markdown(comparison, verdict, machine, TIMES_PLOT))
    record = report_record(comparison, verdict, machine)
    write_text(folder / "report.json", json.dumps(record, indent=1) + "\n")


def data_uri(png: bytes) -> str:
    """The picture inside the page itself, for Markdown that has no folder beside it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
