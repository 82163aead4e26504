"""What docs/decisions/statistics.md measures: `python benchmarks/intervals.py [comparisons]`.

Made-up rounds whose truth is known, under fourteen kinds of noise, go through the comparison and the
verdict; counted is how often what they say is true. Takes some minutes.
"""

from __future__ import annotations

import sys

from fanout_pipeline_tests.measuring.comparison.test_simulated_verdicts import (
    CLEAR,
    CLOSE,
    EQUAL,
    found_in,
    judged,
)
from fanout_pipeline_tests.measuring.statistics.noise_models import MODELS

SESSIONS = {"sessions": 5, "spread": 0.05}


def percent(part: float, whole: int) -> str:
    return f"{100 * float(part) / whole:.0f}"


def truth(model: str, comparisons: int) -> list[str]:
    """Covered, and comparisons with a false claim or a loss that was not told: within a run, over sessions."""
    cells = []
    for ratios, rounds, options in ((EQUAL, 5, {}), (CLOSE, 12, {}), (CLOSE, 40, SESSIONS)):
        found = found_in(model, ratios, rounds, comparisons=comparisons, seed=8, **options)
        wrong = max(found["false"], found["loses"] + found["unbounded"])
        cells.append(f"{percent(found['covered'], found['rows'])}, {percent(wrong, found['all'])}")
    return cells


def named(model: str, comparisons: int) -> list[str]:
    """How often the winner is named: half the time, and a fifth less."""
    cells = []
    for ratios, rounds in (((0.5,), 2), ((0.5,), 5), (CLEAR, 5), ((0.8,), 12)):
        uses = [
            verdict.use
            for _, verdict, _ in judged(model, ratios, rounds, comparisons=comparisons, seed=9)
        ]
        cells.append(percent(uses.count("way1"), len(uses)))
    return cells


if __name__ == "__main__":
    comparisons = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| noise | nine equal, 5 rounds | close, 12 rounds | close, 5 sessions of 8 |", end="")
    print(" 0.5 at 2 | 0.5 at 5 | 0.5 of nine at 5 | 0.8 at 12 |")
    for model in MODELS:
        cells = truth(model, comparisons) + named(model, comparisons)
        print(f"| {model.replace('_', ' ')} | {' | '.join(cells)} |", flush=True)
