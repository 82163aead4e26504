"""The files of a report: report.json for programs, report.md and report.html for people."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fanout_pipeline.measuring.comparison import Comparison
from fanout_pipeline.measuring.sentences import sentence
from fanout_pipeline.measuring.verdict import Verdict
from fanout_pipeline.reporting.html import report_html
from fanout_pipeline.reporting.page import ARTICLE_STRATEGY, report_markdown
from fanout_pipeline.reporting.record import report_record
from fanout_pipeline.results.files.atomic import make_folder, replacing, write_text

__all__ = [
    "ARTICLE_STRATEGY",
    "data_uri",
    "report_html",
    "report_markdown",
    "report_record",
    "sentence",
    "write_report",
]


def write_report(
    folder: Path,
    comparison: Comparison,
    verdict: Verdict,
    changes: Sequence[str],
    pictures: Mapping[str, bytes],
) -> None:
    """Write report.json, report.md, report.html and a PNG a picture, each whole.

    Raises CannotWrite.
    """
    make_folder(folder)
    for name, png in pictures.items():
        with replacing(folder / f"{name}.png") as file:
            file.write(png)
    files = {name: f"{name}.png" for name in pictures}
    inside = {name: data_uri(png) for name, png in pictures.items()}
    write_text(folder / "report.md", report_markdown(comparison, verdict, changes, files))
    write_text(folder / "report.html", report_html(comparison, verdict, changes, inside))
    record = report_record(comparison, verdict, changes)
    write_text(folder / "report.json", json.dumps(record, indent=1, allow_nan=False) + "\n")


def data_uri(png: bytes) -> str:
    """The picture inside the page itself, for a page that has no folder beside it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
