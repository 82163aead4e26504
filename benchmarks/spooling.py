"""What spooling costs: runs over an input that is spooled beside runs over the same that is cut in place.

    python -m benchmarks.spooling [--rounds 7] [--lines 400000]

Both sides take turns in one process. `microseconds` is what a call computes. Ratios are of medians.
"""

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from fanout_pipeline import FanoutSpec, Options, TextLines
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.memory import as_source


class Computes:
    """Computes for so long in Python, and gives the length of its item."""

    def __init__(self, microseconds):
        self.microseconds = microseconds
        began = time.perf_counter()
        sum(range(100_000))
        self.steps = round(microseconds * 1e-6 * 100_000 / (time.perf_counter() - began))

    def __call__(self, item):
        sum(range(self.steps))
        return len(item)


class Again:
    """An iterator of a list's items each time it is asked for one."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


def seconds(strategy, source, function, folder):
    options = Options(workers=2)
    began = time.perf_counter()
    run_strategy(STRATEGIES[strategy], FanoutSpec("b", source, function), folder, options)
    return time.perf_counter() - began


def beside_a_process(strategy, plain, path, function, folder):
    """As if another process decompressed: a lower bound, for calls do not even wait for it."""
    program = (
        "import gzip, sys\nwith gzip.open(sys.argv[1]) as file:\n    while file.read(2**20): pass"
    )
    child = subprocess.Popen([sys.executable, "-c", program, path])
    took = seconds(strategy, plain, function, folder)
    child.wait()
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lines", type=int, default=400_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        lines = [f"{number},line of some forty characters or so" for number in range(asked.lines)]
        plain, packed = root / "lines.txt", root / "lines.txt.gz"
        plain.write_text("\n".join(lines) + "\n")
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
        print(
            "strategy      µs a call   plain s   gz/plain   process/plain   list/plain   iterator/plain"
        )
        for strategy in ("serial", "threads", "multiprocess"):
            for microseconds in (0, 5, 50) if strategy != "threads" else (5,):
                function = Computes(microseconds)
                sides = {
                    "plain": partial(seconds, strategy, TextLines(str(plain)), function),
                    "gz": partial(seconds, strategy, TextLines(str(packed)), function),
                    "process": partial(
                        beside_a_process, strategy, TextLines(str(plain)), packed, function
                    ),
                    "list": partial(seconds, strategy, as_source(lines), function),
                    "iterator": partial(seconds, strategy, as_source(Again(lines)), function),
                }
                took = {side: [] for side in sides}
                for _ in range(asked.rounds):
                    for side, run in sides.items():
                        took[side].append(run(root / "o"))
                base = statistics.median(took["plain"])
                ratios = [statistics.median(took[side]) / base for side in list(sides)[1:]]
                print(
                    f"{strategy:13} {microseconds:9} {base:9.2f} ",
                    *(f"{r:12.2f}" for r in ratios),
                    flush=True,
                )


if __name__ == "__main__":
    os.environ.setdefault("FANOUT_DATA", tempfile.gettempdir())
    main()
