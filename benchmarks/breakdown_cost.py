"""What telling where the time went costs, as a share of each strategy's wall time.

A difference of 1 or 2 % between two revisions drowns in what a shared machine does to both. So the
measuring is itself measured: everything that only tells the time is run under a clock of its own,
and readings of the clocks elsewhere are counted, at what one takes. Worker processes do as the
reference does for each chunk. The sum is too high rather than too low: the clocks around the
measuring are in it.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.calls.items import Stopwatch
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.timing.timeline import WorkerTimeline
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers
from fanout_pipeline.squares import square, square_batch

MEASURING: tuple[tuple[type, str], ...] = (
    (Stopwatch, "__init__"),
    (Stopwatch, "end"),
    (Stopwatch, "timed"),
    (WorkerTimeline, "until"),
    (WorkerTimeline, "add"),
    (WorkerTimeline, "add_chunk"),
)
CLOCKS = ("perf_counter", "thread_time")


@dataclass(slots=True)
class Spent:
    """On measuring, in this process."""

    seconds: float = 0.0
    readings: Counter[str] = field(default_factory=Counter)
    """Of each clock."""


@contextmanager
def measured(spent: Spent) -> Iterator[None]:
    """Everything that measures adds to `spent` within the block."""
    now = time.thread_time  # not what a thread waits for another meanwhile

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def run(*arguments: Any, **named: Any) -> Any:
            began = now()
            try:
                return method(*arguments, **named)
            finally:
                spent.seconds += now() - began

        return run

    def counted(name: str) -> Callable[[], float]:
        clock: Callable[[], float] = getattr(time, name)

        def read() -> float:
            spent.readings[name] += 1
            return clock()

        return read

    with ExitStack() as patches:
        for kind, name in MEASURING:
            method = timed(getattr(kind, name))
            patches.enter_context(patch.object(kind, name, method))
        for name in CLOCKS:
            patches.enter_context(patch.object(time, name, counted(name)))
        yield


def reading_seconds(name: str, readings: int = 100_000) -> float:
    """What reading a clock takes."""
    clock = getattr(time, name)
    began = time.perf_counter()
    for _ in range(readings):
        clock()
    return (time.perf_counter() - began) / readings


def run_once(name: str, root: Path, workers: int) -> tuple[RunRecord, Spent]:
    spec = FanoutSpec("squares", IntegerLines(NUMBERS_FILE).under(root), square, square_batch)
    spent = Spent()
    with measured(spent):
        run = run_strategy(STRATEGIES[name], spec, root / name, Options(workers=workers))
    return run, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="numbers to square")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    # Baselines run in a process of their own.
    names = [one.name for one in STRATEGIES.values() if not (one.awaits or one.baseline)]
    one_reading = {name: reading_seconds(name) for name in CLOCKS}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_numbers(root / NUMBERS_FILE, arguments.count)
        chunk_seconds = 0.0
        print("strategy        wall ms   measuring ms   share")
        for name in names:
            shares, walls, costs = [], [], []
            for _ in range(arguments.rounds):
                run, spent = run_once(name, root, arguments.workers)
                cost = spent.seconds + sum(
                    count * one_reading[clock] for clock, count in spent.readings.items()
                )
                if STRATEGIES[name].starts_processes:
                    cost += chunk_seconds * run.chunks / run.workers
                elif name == REFERENCE:
                    chunk_seconds = cost / run.chunks
                walls.append(run.wall_seconds)
                costs.append(cost)
                shares.append(cost / run.wall_seconds)
            wall, cost = statistics.median(walls), statistics.median(costs)
            print(
                f"{name:14} {1e3 * wall:8.1f} {1e3 * cost:14.3f} {statistics.median(shares):7.2%}"
            )


if __name__ == "__main__":
    main()
