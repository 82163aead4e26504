"""Put the last comparison into the README: `make compare test readme`.

Takes the table and the plot of `data/squares/comparison` and, where the UI test has run, its
pictures of the asset graph and of the comparison.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from fanout_pipeline.measuring.machine import machine_sentence

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / os.environ.get("FANOUT_DATA", "data") / "squares" / "comparison"
IMAGES = ROOT / "docs" / "images"
SCREENSHOTS = ROOT / "test-artefacts" / "ui"
BEGIN, END = "<!-- comparison: begin -->\n", "<!-- comparison: end -->\n"


def main() -> None:
    page = (REPORT / "report.md").read_text()
    record = json.loads((REPORT / "report.json").read_text())
    table = next(block for block in page.split("\n\n") if block[:1] == "|")
    headline = next(line for line in page.splitlines() if line.startswith("**"))
    IMAGES.mkdir(exist_ok=True)
    shutil.copyfile(REPORT / "times.png", IMAGES / "times.png")
    for name in ("graph.png", "comparison.png"):
        if (SCREENSHOTS / name).exists():
            shutil.copyfile(SCREENSHOTS / name, IMAGES / name)
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    section = (
        f"{headline}\n\n{table}\n\n![wall time of each strategy](docs/images/times.png)\n\n"
        f"{record['items']:,} numbers, on {machine_sentence(record['machine'])}.\n"
    )
    readme.write_text(before + BEGIN + section + END + after)


if __name__ == "__main__":
    main()
