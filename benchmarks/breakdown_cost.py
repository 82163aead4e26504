"""What telling where the time went costs: this checkout beside an earlier revision of itself.

Each round runs every strategy cold from both, the two sides taking turns at being first, each in a
process of its own that has imported what the road needs. Prints for each strategy the median ratio
(this checkout / the revision) of the wall time of the whole trial, of that without starting and
stopping workers, and of CPU time, with their ranges.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fanout_pipeline.fanout.registry import STRATEGIES
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers

HERE = Path(__file__).parents[1]
UNMEASURED = "8d5a8f1"
"""The last revision that did not tell where the time goes."""
SQUARING = [strategy.name for strategy in STRATEGIES.values() if not strategy.awaits]
RUN = """
import json, sys
from pathlib import Path
import pandas
from fanout_pipeline.fanout import FanoutSpec, Options
from fanout_pipeline.fanout.registry import STRATEGIES
from fanout_pipeline.fanout.run import run_strategy
from fanout_pipeline.sources import IntegerLines
from fanout_pipeline.squares import square, square_batch
import fanout_pipeline

assert Path(fanout_pipeline.__file__).is_relative_to(sys.argv[3])
root, name = Path(sys.argv[1]), sys.argv[2]
spec = FanoutSpec("squares", IntegerLines("numbers.txt").under(root), square, square_batch)
run = run_strategy(STRATEGIES[name], spec, root / name, Options(2, "any"))
print(json.dumps([run.wall_seconds, run.run_seconds, run.cpu_seconds]))
"""


def one_run(checkout: Path, root: Path, strategy: str) -> list[float]:
    """Seconds of wall, of that without starting and stopping workers, and of CPU."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root), strategy, str(checkout)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revision", default=UNMEASURED, help="what to compare with")
    parser.add_argument("--count", type=int, default=100_000, help="numbers to square")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--strategies", nargs="+", default=SQUARING, choices=SQUARING)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, other = Path(folder, "data"), Path(folder, "checkout")
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(other), arguments.revision], check=True)
        try:
            # Both sides have byte-code, or neither could be compared with the other.
            for checkout in (HERE, other):
                command = [sys.executable, "-m", "compileall", "-q", "fanout_pipeline"]
                subprocess.run(command, cwd=checkout, check=True)
            write_numbers(root / NUMBERS_FILE, arguments.count)
            for strategy in arguments.strategies:
                report(strategy, rounds(strategy, root, other, arguments.rounds))
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)


def rounds(strategy: str, root: Path, other: Path, count: int) -> list[list[float]]:
    """The ratios of the three, round by round."""
    ratios = []
    for number in range(count):
        order = (HERE, other) if number % 2 else (other, HERE)
        seconds = {checkout: one_run(checkout, root, strategy) for checkout in order}
        pairs = zip(seconds[HERE], seconds[other], strict=True)
        ratios.append([now / before for now, before in pairs])
    return ratios


def report(strategy: str, ratios: list[list[float]]) -> None:
    told = [
        f"{what} {statistics.median(r):.3f} ({min(r):.3f} to {max(r):.3f})"
        for what, r in zip(("trial", "of it run", "CPU"), zip(*ratios, strict=True), strict=True)
    ]
    print(f"{strategy:15} {'   '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
