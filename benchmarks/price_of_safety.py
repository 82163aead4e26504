"""What it costs that finished parts outlive their run: the same run with and without a ledger.

Each round runs a strategy in both ways, and without a second time, to see what is chance, all in this process;
the three take turns at being first. Prints for each strategy the median ratio (with / without) of the wall
time with its 95 % interval, the noise floor, the ratio of CPU time with its interval, and by how much the very first run with a
ledger took longer than the median one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.statistics.inference import (
    RatioEstimate,
    control_estimate,
    noise_floor,
    ratio_estimate,
)
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers
from fanout_pipeline.squares import square, square_batch

WAYS = ("with", "without", "without again")
LEDGERED = ("serial", "threads", "multiprocess", "vectorized")


def one_run(root: Path, strategy: str, way: str) -> tuple[float, float]:
    """Seconds of wall and of CPU."""
    spec = FanoutSpec("squares", IntegerLines(NUMBERS_FILE).under(root), square, square_batch)
    safe = way == "with"
    # From outside, for what is done before the run's own clock starts counts, too.
    began = time.perf_counter()
    run = run_strategy(
        STRATEGIES[strategy], spec, root / strategy, Options(workers=2), ledger=safe, resume=safe
    )
    return time.perf_counter() - began, run.cpu_seconds


def measured(root: Path, strategy: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """By the ways: the seconds of each round."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    one_run(root, strategy, "without")
    for number in range(rounds):
        turn = number % len(WAYS)
        for way in WAYS[turn:] + WAYS[:turn]:
            found[way].append(one_run(root, strategy, way))
    return found


def report(strategy: str, found: dict[str, list[tuple[float, float]]]) -> None:
    first = found["with"][0][0]
    wall, cpu = ({way: [run[n] for run in runs] for way, runs in found.items()} for n in (0, 1))
    price = ratio_estimate(wall["with"], wall["without"])
    floor = noise_floor(control_estimate(wall["without"], wall["without again"]))
    of_cpu = ratio_estimate(cpu["with"], cpu["without"])
    print(
        f"{strategy:13} wall {_interval(price)}   noise floor {floor:.2%}   CPU {_interval(of_cpu)}"
        f"   {price.rounds} rounds   first {1000 * (first - statistics.median(wall['with'])):+.0f} ms",
        flush=True,
    )


def _interval(estimate: RatioEstimate) -> str:
    return f"{estimate.ratio:.4f} ({estimate.low or 0:.4f} to {estimate.high or 0:.4f})"


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
