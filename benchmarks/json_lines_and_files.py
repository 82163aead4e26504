"""What docs/sources.md claims of JsonLines and Files, beside a plain loop, taking turns in one process.

    python -m benchmarks.json_lines_and_files [--lines N] [--files N] [--rounds N]

JsonLines: file on disk to committed parts on disk, against `for line in file: function(orjson.loads(line))`, which
writes nothing; the workers of multiprocess have started. Files: the listing, and a run that reads each file.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from fanout_pipeline import FanoutSpec, FileHandle, Files, JsonLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy


def amount(order: dict[str, float]) -> float:
    """Next to nothing, so that reading is what is measured."""
    return order["amount"]


def worked(order: dict[str, float]) -> float:
    """Some 20 µs."""
    total = 0.0
    for number in range(300):
        total += order["amount"] * number
    return total


def length(handle: FileHandle) -> int:
    return len(handle.read_bytes())


def write_orders(path: Path, lines: int) -> None:
    chance = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(lines):
            order = {
                "id": number,
                "name": f"customer {chance.randrange(10**6)}",
                "amount": chance.random() * 1000,
                "tags": ["new", "paid"][: number % 3],
                "country": chance.choice(["AT", "DE", "FR"]),
                "shipping": {"express": number % 2 == 0, "days": None},
            }
            file.write(json.dumps(order) + "\n")


def loop(path: Path, function: Callable[[dict[str, float]], float]) -> float:
    began = time.perf_counter()
    with open(path, "rb") as file:
        results = []
        for line in file:
            results.append(function(orjson.loads(line)))  # noqa: PERF401 (what users write)
    return time.perf_counter() - began


def run(name: str, spec: FanoutSpec, folder: Path) -> float:
    """Seconds of a run by workers that have run before."""
    strategy = STRATEGIES[name]
    options = Options(workers=2)
    return run_strategy(strategy, spec, folder, options, warm_runs=1).warm_seconds[0]


def json_lines(root: Path, lines: int, rounds: int) -> None:
    path = root / "orders.jsonl"
    write_orders(path, lines)
    for function in (amount, worked):
        spec = FanoutSpec("orders", JsonLines(str(path)), function)
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            found.setdefault("loop", []).append(loop(path, function))
            for name in ("serial", "multiprocess"):
                found.setdefault(name, []).append(run(name, spec, root / name))
        base = statistics.median(found["loop"])
        print(f"{lines:,} lines of JSON to `{function.__name__}`: loop {base:.3f} s")
        for name in ("serial", "multiprocess"):
            ratios = [one / other for one, other in zip(found[name], found["loop"], strict=True)]
            print(
                f"  {name}: {statistics.median(found[name]):.3f} s, {statistics.median(ratios):.2f} "
                f"times the loop ({min(ratios):.2f} to {max(ratios):.2f})"
            )


def files(root: Path, count: int) -> None:
    for number in (count // 10, count):
        folder = root / f"files-{number}"
        folder.mkdir()
        for index in range(number):
            (folder / f"{index:06}.txt").write_bytes(b"x" * (index % 50))
        source = Files(str(folder / "*.txt"))
        began = time.perf_counter()
        source.version()
        listed = time.perf_counter()
        for name in ("serial", "multiprocess"):
            seconds = run(name, FanoutSpec("lengths", source, length), root / f"{name}-{number}")
            print(f"{number:,} files, {name}: {seconds:.2f} s with two listings of", end=" ")
            print(f"{listed - began:.2f} s each")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"  peak memory of this process so far: {peak / 1024:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        json_lines(Path(folder), arguments.lines, arguments.rounds)
        files(Path(folder), arguments.files)


if __name__ == "__main__":
    main()
