"""What results cost from Python's values to the commit, in this version and, with --against, in another.

- write: one part of each kind of results (plain numbers, texts, dicts of five fields, arrays), ns a result.
- commit: making parts visible, in ms: 300 parts of two results each, as 600 slow calls leave them, and 40 parts
  of 250,000 numbers.
- squares: a whole run of a million squares, in ms.

Every figure is from a process of its own; the versions take turns, and the median of the rounds is printed
with the ratio. PATH is a checkout of the project whose `fanout_pipeline` is measured with this Python.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITE = """
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.write import write_part
import numpy
make = {
    "integers": lambda n: n * n,
    "texts": lambda n: f"text {n}",
    "dicts": lambda n: {"id": n, "name": f"n{n}", "half": n / 2, "even": n % 2 == 0, "tag": None},
    "nested": lambda n: {"id": n, "list": [{"a": n, "b": "x"}]},
    "arrays": lambda n: numpy.arange(8.0) + n,
}[case]
values = list(map(make, range(count)))
seconds = []
for _ in range(3):
    began = time.perf_counter()
    write_part(LocalGeneration(folder), 0, 0, values)
    seconds.append(time.perf_counter() - began)
print(json.dumps(1e9 * min(seconds) / count))
"""
COMMIT = """
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.write import write_part
target = ResultFolder(folder / "squares" / "serial")
rows = 2 if case == "small" else 250_000
with target.writing() as generation:
    parts = [
        write_part(generation, n, n * rows, list(range(n * rows, (n + 1) * rows)))
        for n in range(count)
    ]
    began = time.perf_counter()
    target.commit(generation, Manifest("serial", tuple(parts)))
    print(json.dumps(1e3 * (time.perf_counter() - began)))
"""
SQUARES = """
from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.squares import square
source = IntegerLines(str(folder / "numbers.txt"))
(folder / "numbers.txt").write_text("".join(f"{n}\\n" for n in range(count)))
spec = FanoutSpec("squares", source, square)
run = run_strategy(STRATEGIES[case], spec, folder / "squares" / case, Options(2, "spawn"))
print(json.dumps(1e3 * run.wall_seconds))
"""
HEAD = """
import json, sys, tempfile, time
from pathlib import Path
case, count = sys.argv[1], int(sys.argv[2])
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
"""
FIGURES = [
    ("write", "integers", 1_000_000, WRITE, "ns/result"),
    ("write", "texts", 200_000, WRITE, "ns/result"),
    ("write", "dicts", 20_000, WRITE, "ns/result"),
    ("write", "nested", 20_000, WRITE, "ns/result"),
    ("write", "arrays", 20_000, WRITE, "ns/result"),
    ("commit", "small", 300, COMMIT, "ms"),
    ("commit", "large", 40, COMMIT, "ms"),
    ("squares", "serial", 1_000_000, SQUARES, "ms"),
    ("squares", "multiprocess", 1_000_000, SQUARES, "ms"),
]


def measured(tree: Path, program: str, case: str, count: int) -> float:
    indented = "".join(f"    {line}\n" for line in program.strip().splitlines())
    done = subprocess.run(
        [sys.executable, "-c", HEAD + indented, case, str(count)],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="a checkout of another version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="of write, commit, squares, or cases of these")
    arguments = parser.parse_args()
    trees = [ROOT] if arguments.against is None else [ROOT, arguments.against.resolve()]
    print("| what | of | count | here | there | here / there |\n|---|---|---|---|---|---|")
    for what, case, count, program, unit in FIGURES:
        if arguments.only and not {what, case} & set(arguments.only):
            continue
        found: dict[Path, list[float]] = {tree: [] for tree in trees}
        for number in range(arguments.rounds):
            for tree in trees if number % 2 else reversed(trees):
                found[tree].append(measured(tree, program, case, count))
        here, *there = (statistics.median(found[tree]) for tree in trees)
        other = f"{there[0]:.1f} {unit} | {here / there[0]:.2f}" if there else "|"
        print(f"| {what} | {case} | {count:,} | {here:.1f} {unit} | {other} |", flush=True)


if __name__ == "__main__":
    main()
