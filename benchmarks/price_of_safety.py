"""What it costs that finished parts outlive their run: the same run with and without a ledger.

Each round runs every strategy in both ways, the two taking turns at being first, and without a second time, to see
what is chance; each run is a process of its own that has imported what the road needs. Prints for
each strategy the median ratio (with / without) of the wall time with its 95 % interval, the noise floor,
and the ratio of CPU time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from fanout_pipeline.fanout.registry import STRATEGIES
from fanout_pipeline.measuring.inference import control_estimate, noise_floor, ratio_estimate
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers

RUN = """
import json, sys, time
from pathlib import Path
from fanout_pipeline.fanout import FanoutSpec, Options
from fanout_pipeline.fanout.registry import STRATEGIES
from fanout_pipeline.fanout.run import run_strategy
from fanout_pipeline.fanout.usage import own_usage
from fanout_pipeline.sources import IntegerLines
from fanout_pipeline.squares import square, square_batch

root, name, safe = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "with"
if name == "vectorized":
    import pandas
spec = FanoutSpec("squares", IntegerLines("numbers.txt").under(root), square, square_batch)
safety = {"ledger": safe, "resume": safe}
# From outside, for what is done before the run's own clock starts counts, too.
began = time.perf_counter()
run = run_strategy(STRATEGIES[name], spec, root / name, Options(2, "any"), **safety)
print(json.dumps([time.perf_counter() - began, run.cpu_seconds]))
"""
WAYS = ("with", "without", "without again")
LEDGERED = ("serial", "threads", "multiprocess", "vectorized")


def one_run(root: Path, strategy: str, way: str) -> list[float]:
    """Seconds of wall and of CPU."""
    command = [sys.executable, "-c", RUN, str(root), strategy, way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def measured(root: Path, strategy: str, rounds: int) -> dict[str, list[list[float]]]:
    """By the ways: the seconds of each round."""
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    one_run(root, strategy, "with")
    for number in range(rounds):
        for way in WAYS if number % 2 else reversed(WAYS):
            found[way].append(one_run(root, strategy, way))
    return found


def report(strategy: str, found: dict[str, list[list[float]]]) -> None:
    wall, cpu = ({way: [run[n] for run in runs] for way, runs in found.items()} for n in (0, 1))
    price = ratio_estimate(wall["with"], wall["without"])
    floor = noise_floor(control_estimate(wall["without"], wall["without again"]))
    of_cpu = ratio_estimate(cpu["with"], cpu["without"])
    print(
        f"{strategy:13} wall {price.ratio:.4f} ({price.low or 0:.4f} to {price.high or 0:.4f})"
        f"   noise floor {floor:.2%}   CPU {of_cpu.ratio:.4f}   {price.rounds} rounds",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="numbers to square")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--strategies", nargs="+", default=LEDGERED, choices=LEDGERED)
    arguments = parser.parse_args()
    assert set(LEDGERED) <= set(STRATEGIES)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_numbers(root / NUMBERS_FILE, arguments.count)
        for strategy in arguments.strategies:
            report(strategy, measured(root, strategy, arguments.rounds))


if __name__ == "__main__":
    main()
