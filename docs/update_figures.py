"""Put the last comparison and break-even into README.md and measuring.md: `make compare break-even test figures`.

Takes the tables and plots of `data/squares/comparison` and `data/squares/break_even` and, where the
UI test has run, its pictures of the asset graph and of the comparison (with FANOUT_FAULTS_ROUNDS=50 of
one in full, otherwise of a brief one).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import textwrap
from pathlib import Path
from typing import Any

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.measuring.trials.store import load_trials

ROOT = Path(__file__).resolve().parent.parent
SQUARES = ROOT / os.environ.get("FANOUT_DATA", "data") / "squares"
IMAGES = ROOT / "docs" / "images"
SCREENSHOTS = ROOT / "test-artefacts" / "ui"
PICTURES = {
    SQUARES / "comparison" / "times.png": "times.png",
    SQUARES / "comparison" / "breakdown.png": "breakdown.png",
    SQUARES / "break_even" / "lines.png": "break_even_lines.png",
    SQUARES / "break_even" / "winners.png": "break_even_winners.png",
    SCREENSHOTS / "graph.png": "graph.png",
    SCREENSHOTS / "comparison_light.png": "comparison.png",
}


def main() -> None:
    page = (SQUARES / "comparison" / "report.md").read_text()
    record = json.loads((SQUARES / "comparison" / "report.json").read_text())
    IMAGES.mkdir(exist_ok=True)
    for picture, name in PICTURES.items():
        if picture.exists():
            shutil.copyfile(picture, IMAGES / name)
    blocks = page.split("\n\n")
    tables = [block for block in blocks if block.startswith("|")]
    headline = next(block for block in blocks if block.startswith("**"))
    where = f"{record['items']:,} numbers, on {machine_sentence(record['machine'])}."
    replace(
        ROOT / "README.md",
        "comparison",
        f"{headline}\n\n{tables[0]}\n\n![wall time of each strategy](docs/images/times.png)\n\n{where}",
    )
    guide = ROOT / "docs" / "measuring.md"
    replace(guide, "chance", chance())
    replace(guide, "phases", "\n".join(f"- `{name}`: {text}" for name, text in PHASES.items()))
    grounds = "\n".join(f"- {ground}" for ground in record["verdict"]["grounds"])
    replace(guide, "example", f"{headline}\n\n{grounds}\n\n{where}")
    reasons = "\n".join(f"{n}. {reason}" for n, reason in enumerate(record["reasons"], 1))
    replace(guide, "breakdown", f"{tables[1]}\n\n{reasons}")


def replace(file: Path, name: str, content: str) -> None:
    """Put the content between the file's markers of this name."""
    begin, end = (f"<!-- {name}: {edge} -->\n" for edge in ("begin", "end"))
    before, rest = file.read_text().split(begin)
    _, after = rest.split(end)
    file.write_text(f"{before}{begin}{wrapped(content)}\n{end}{after}")


def wrapped(content: str) -> str:
    """The Markdown in lines of at most 120 columns, tables and pictures apart."""
    lines = []
    for line in content.split("\n"):
        if line.startswith(("|", "![")):
            lines.append(line)
        else:
            indent = "   " if line[:1].isdigit() else "  " if line.startswith("- ") else ""
            lines += textwrap.wrap(
                line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            ) or [""]
    return "\n".join(lines)


def chance() -> str:
    """By how much two identical runs differed in the last trials."""
    _, trials = load_trials(max((SQUARES / "trials").glob("*.parquet")))
    runs: dict[int, list[Any]] = {}
    for trial in trials:
        if trial.strategy == "serial" and not trial.warm_up:
            runs.setdefault(trial.round, []).append(trial.wall_seconds)
    differences = [max(pair) / min(pair) - 1 for pair in runs.values() if len(pair) == 2]
    return (
        f"In the trials of the README's example, serial ran twice in each of {len(differences)} rounds. "
        f"The two differed by {statistics.median(differences):.1%} in the median round, and by up to "
        f"{max(differences):.0%}."
    )


if __name__ == "__main__":
    main()
