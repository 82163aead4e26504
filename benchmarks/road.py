"""What the way of the data costs beside the function: ns an item by phase, against the plain loop and peers.

Squares of a text file of numbers, file on disk to Parquet on disk; ours with digests, SHA-256 and
the commit. Every run is a process of its own that has imported what it needs before the clock
starts; the ways take turns, in alternating order. Prints a Markdown table of medians.

- calls: `map(function, items)` over a list of the numbers, and nothing else.
- loop: `[square(int(line)) for line in file]`, an Arrow table, one Parquet file.
- over calls: wall time beyond that of `calls`, for what runs in one thread.
- polars, duckdb: the same two columns; left out where --peers has them not.

Wall times of a machine that others use say little: look at CPU, too.
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

OURS = """
import json, sys
from pathlib import Path
from fanout_pipeline import FanoutSpec
from fanout_pipeline import Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline import IntegerLines
from fanout_pipeline.squares import square, square_batch

root, way, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if way == "vectorized":
    import pandas
spec = FanoutSpec("squares", IntegerLines("numbers.txt").under(root), square, square_batch)
run = run_strategy(STRATEGIES[way], spec, root / way, Options(workers, "spawn"))
print(json.dumps([run.wall_seconds, run.cpu_seconds, run.peak_rss_bytes, run.phases]))
"""
ALONE = """
import json, sys, time
from pathlib import Path
from fanout_pipeline.engine.system.usage import own_usage
{imports}

path, out = str(Path(sys.argv[1], "numbers.txt")), str(Path(sys.argv[1], "alone.parquet"))
{before}
wall, cpu = time.perf_counter(), time.process_time()
{timed}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([wall, cpu, own_usage().peak_rss_bytes, {{}}]))
"""
CALLS = ALONE.format(
    imports="from collections import deque\nfrom fanout_pipeline.squares import square",
    before="with open(path) as file:\n    items = list(map(int, file))",
    timed="deque(map(square, items), maxlen=0)",
)
LOOP = ALONE.format(
    imports="import numpy, pyarrow\nfrom pyarrow import parquet\n"
    "from fanout_pipeline.squares import square",
    # pyarrow.array imports pandas when it is first called.
    before="pyarrow.array([1])",
    timed="""
with open(path) as file:
    squares = [square(int(line)) for line in file]
index = pyarrow.array(numpy.arange(len(squares)))
table = pyarrow.table({"index": index, "result": pyarrow.array(squares, pyarrow.int64())})
delta = dict.fromkeys(("index", "result"), "DELTA_BINARY_PACKED")
parquet.write_table(table, out, compression="none", use_dictionary=False, column_encoding=delta)
""",
)
POLARS = ALONE.format(
    imports="import polars",
    before="",
    timed="""
lines = polars.scan_csv(path, has_header=False, schema={"n": polars.Int64})
squares = lines.with_row_index("index").select("index", result=polars.col("n") * polars.col("n"))
squares.sink_parquet(out)
""",
)
DUCKDB = ALONE.format(
    imports="import duckdb",
    before="",
    timed="""
lines = f"read_csv('{path}', header = false, columns = {{'n': 'BIGINT'}})"
squares = f"select row_number() over () - 1 as index, n * n as result from {lines}"
duckdb.sql(f"copy ({squares}) to '{out}' (format parquet)")
""",
)
OUR_WAYS = ("serial", "threads", "multiprocess", "vectorized")
PROGRAMS = dict.fromkeys(OUR_WAYS, OURS) | {
    "calls": CALLS, "loop": LOOP, "polars": POLARS, "duckdb": DUCKDB,
}  # fmt: skip
PEERS = ("polars", "duckdb")
IN_LISTS = ("calls", "loop")
"""Hold all items as Python objects: 65 bytes each."""
ONE_THREAD = ("serial", "loop")

Run = tuple[float, float, int, dict[str, float]]
"""Wall and CPU seconds, the peak memory of the largest process in bytes, phases."""


def one_run(python: str, root: Path, way: str, workers: int) -> Run:
    command = [python, "-c", PROGRAMS[way], str(root), way, str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # The last line: duckdb draws a progress bar before it.
    wall, cpu, peak, phases = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu, peak, phases


def has(python: str, module: str) -> bool:
    command = [python, "-c", f"import {module}, fanout_pipeline, psutil"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def row(way: str, count: int, runs: list[Run], calls: float | None) -> str:
    """A line of the table; `calls` is the median wall time of the bare calls."""
    seconds = statistics.median(run[0] for run in runs)
    low, high = min(run[0] for run in runs), max(run[0] for run in runs)

    def an_item(values: list[float]) -> str:
        return f"{statistics.median(values) / count * 1e9:.0f}"

    phases = [
        an_item([run[3][name] for run in runs]) if way in OUR_WAYS else ""
        for name in ("read", "call", "write")
    ]
    other = [run[0] - sum(run[3].get(n, 0.0) for n in ("read", "call", "write")) for run in runs]
    cells = [
        way,
        f"{count:,}",
        f"{seconds:.3f} ({low:.3f}–{high:.3f})",
        an_item([run[0] for run in runs]),
        an_item([run[1] for run in runs]),
        *phases,
        an_item(other) if way in OUR_WAYS else "",
        an_item([seconds - calls]) if calls is not None and way in ONE_THREAD else "",
        f"{max(run[2] for run in runs) / 1e6:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--order", default="ascending", choices=["ascending", "shuffled"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=list(PROGRAMS), choices=PROGRAMS)
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers")
    parser.add_argument(
        "--list-limit", type=int, default=20_000_000, help="no larger lists of Python objects"
    )
    arguments = parser.parse_args()
    pythons = {way: arguments.peers if way in PEERS else sys.executable for way in arguments.ways}
    ways = [way for way in arguments.ways if way not in PEERS or has(pythons[way], way)]
    heads = "way, items, seconds (range), ns/item, CPU ns/item, read, call, write, other, over calls, peak MB"
    print(f"| {' | '.join(heads.split(', '))} |\n|{'---|' * len(heads.split(', '))}", flush=True)
    for count in arguments.counts:
        here = [way for way in ways if way not in IN_LISTS or count <= arguments.list_limit]
        runs: dict[str, list[Run]] = {way: [] for way in here}
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_numbers(root / NUMBERS_FILE, count, order=arguments.order)
            for number in range(arguments.rounds):
                for way in here if number % 2 else reversed(here):
                    runs[way].append(one_run(pythons[way], root, way, arguments.workers))
        calls = statistics.median(run[0] for run in runs["calls"]) if "calls" in here else None
        for way in here:
            print(row(way, count, runs[way], calls), flush=True)


if __name__ == "__main__":
    main()
