"""The files of a report: report.json for programs, report.md and report.html for people."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.reporting.html import report_html
from fanout_pipeline.reporting.page import report_markdown
from fanout_pipeline.reporting.record import report_record
from fanout_pipeline.results.files.atomic import make_folder, replacing, write_text

__all__ = [
    "data_uri",
    "report_html",
    "report_markdown",
    "report_record",
    "write_report",
]


def write_report(
    folder: Path,
    comparison: Comparison,
    verdict: Verdict,
    changes: Sequence[str],
    pictures: Mapping[str, bytes],
) -> None:
    """Write report.json, report.md, report.html and a PNG for each picture, each file in one step.

    Raises CannotWrite.
    """
    make_folder(folder)
    for name, png in pictures.items():
        with replacing(folder / f"{name}.png") as file:
            file.write(png)
    files = {name: f"{name}.png" for name in pictures}
    inline = {name: data_uri(png) for name, png in pictures.items()}
    write_text(folder / "report.md", report_markdown(comparison, verdict, changes, files))
    write_text(folder / "report.html", report_html(comparison, verdict, changes, inline))
    record = report_record(comparison, verdict, changes)
    write_text(folder / "report.json", json.dumps(record, indent=1, allow_nan=False) + "\n")


def data_uri(png: bytes) -> str:
    """The address of a picture that is part of the page, for pages without a folder beside them."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
