"""What the README claims of serial and multiprocess: `make bench-large`.

Cold runs, each in a process of its own that has imported what it needs, file on disk to
committed parts on disk, the strategies taking turns. Prints the median ratio and its range, and
the peak memory of the largest process of each strategy at 20,000,000 numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers

RUN = """
import json, sys
from pathlib import Path
from fanout_pipeline import FanoutSpec
from fanout_pipeline import Options
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline import IntegerLines
from fanout_pipeline.squares import square, square_batch

root, name = Path(sys.argv[1]), sys.argv[2]
spec = FanoutSpec("squares", IntegerLines("numbers.txt").under(root), square, square_batch)
run = run_strategy(STRATEGIES[name], spec, root / name, Options(effective_cores(), "spawn"))
print(json.dumps([run.wall_seconds, run.start_seconds, run.peak_rss_bytes, run.digest]))
"""


def one_run(root: Path, strategy: str) -> tuple[float, float, int, str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root), strategy], check=True, capture_output=True, text=True
    )
    wall, start, peak, digest = json.loads(done.stdout)
    return wall, start, peak, digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000_000, help="numbers for the ratio")
    parser.add_argument("--memory-count", type=int, default=20_000_000, help="for the memory")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        written = write_numbers(root / NUMBERS_FILE, arguments.count)
        print(f"numbers_file: {arguments.count:,} numbers in {written.seconds:.2f} s")
        ratios = []
        for number in range(1, arguments.rounds + 1):
            serial, multiprocess = one_run(root, "serial"), one_run(root, "multiprocess")
            assert serial[3] == multiprocess[3], "the results differ"
            ratios.append(multiprocess[0] / serial[0])
            print(
                f"round {number}: serial {serial[0]:.2f} s, multiprocess {multiprocess[0]:.2f} s "
                f"({multiprocess[1]:.2f} s of it starting workers), ratio {ratios[-1]:.2f}"
            )
        print(
            f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f}): {1 / statistics.median(ratios):.2f} times faster than serial"
        )
        write_numbers(root / NUMBERS_FILE, arguments.memory_count)
        for strategy in ("serial", "multiprocess"):
            peak = one_run(root, strategy)[2]
            print(f"{strategy}: {peak / 1e6:.0f} MB at {arguments.memory_count:,} numbers")


if __name__ == "__main__":
    main()
