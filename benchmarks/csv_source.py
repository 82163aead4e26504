"""Csv beside the loop over `csv.DictReader` that people would write: `python -m benchmarks.csv_source`.

The sides take turns, in one process that has imported what they need; printed are medians of wall and of CPU seconds
(those of this process and its children that have ended), and their ratios, ours over the loop's. The loop keeps its
results in a list and writes them with pyarrow; ours are whole runs: hash, parts, commit. Results are compared.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow
from pyarrow import parquet

from fanout_pipeline import Csv, FanoutSpec, Options, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy

Row = dict[str, str]
COLUMNS = ("order_id", "amount", "country", "note", "day")


def write_orders(path: Path, count: int, quoted: float) -> None:
    """Five columns; so large a part of the notes has quotes, delimiters or line ends."""
    chance = random.Random(1)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(count):
            note = chance.choice(["plain", "two words", "a longer text of some kind"])
            if chance.random() < quoted:
                note += chance.choice([", more", ' "quoted"', "\nnext line"])
            amount, country = f"{chance.random() * 1000:.2f}", chance.choice(["DE", "FR", "US"])
            writer.writerow([number, amount, country, note, "2026-11-28"])


def score(row: Row) -> float:
    """Some 0.2 µs."""
    return float(row["amount"]) * 2 if row["country"] == "DE" else 0.0


def score_50_us(row: Row) -> float:
    """Some 50 µs."""
    amount, total = float(row["amount"]), 0.0
    for number in range(1000):
        total += amount * number
    return total


def loop(path: Path, function: Callable[[Row], float]) -> list[float]:
    with open(path, newline="", encoding="utf-8") as file:
        results = [function(row) for row in csv.DictReader(file)]
    indexes = pyarrow.array(numpy.arange(len(results)))
    table = pyarrow.table({"index": indexes, "result": results})
    parquet.write_table(table, path.with_suffix(".parquet"))
    return results


def ours(strategy: str, path: Path, function: Callable[[Row], float]) -> Path:
    spec = FanoutSpec("scores", Csv(str(path)), function)
    chosen, folder = STRATEGIES[strategy], path.with_suffix(f".{strategy}")
    run_strategy(chosen, spec, folder, Options(workers=2))
    return folder


def timed(side: Callable[[], Path | list[float]], expected: list[float]) -> tuple[float, float]:
    before, began = os.times(), time.perf_counter()
    results = side()
    wall, after = time.perf_counter() - began, os.times()
    if isinstance(results, Path):
        results = read_results(results)["result"].tolist()
    assert results == expected
    return wall, sum(after[:4]) - sum(before[:4])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=1_000_000, help="records for quick calls")
    parser.add_argument("--slow-count", type=int, default=60_000, help="records at 50 µs a call")
    arguments = parser.parse_args()
    cases = [
        ("no quotes, 0.2 µs", 0.0, arguments.count, score, ["serial", "multiprocess"]),
        ("quotes, 0.2 µs", 0.25, arguments.count, score, ["serial", "multiprocess"]),
        ("quotes, 50 µs", 0.25, arguments.slow_count, score_50_us, ["multiprocess"]),
    ]
    print(
        "| case | side | wall s | CPU s | wall / loop's | CPU / loop's |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as root:
        for name, quoted, count, function, strategies in cases:
            path = Path(root, "orders.csv")
            write_orders(path, count, quoted)
            expected = loop(path, function)
            sides: dict[str, Callable[[], Path | list[float]]] = {
                "loop": lambda path=path, function=function: loop(path, function),
                **{
                    one: lambda one=one, path=path, function=function: ours(one, path, function)
                    for one in strategies
                },
            }
            runs: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
            for number in range(arguments.rounds):
                for side in sides if number % 2 else reversed(sides):
                    runs[side].append(timed(sides[side], expected))
            wall, cpu = (
                {side: statistics.median(run[n] for run in runs[side]) for side in sides}
                for n in (0, 1)
            )
            for side in sides:
                ratios = f"{wall[side] / wall['loop']:.2f} | {cpu[side] / cpu['loop']:.2f}"
                print(
                    f"| {name} | {side} | {wall[side]:.3f} | {cpu[side]:.3f} | {ratios} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
