"""What reading through a source costs beside the loop that people would write: `python -m benchmarks.sources`.

Each case has two sides that do the same work and give the same results, which is checked. They run in turns in one
process; printed are the median seconds of each and the ratio of the medians (ours / theirs), with what is demanded.
`calls` reads and calls, and writes nothing; `run` is a whole run with its results on disk, content hash and commit
included, beside the same loop that writes its results with pyarrow. Memory is by how much the
peak of a process grows that does nothing else, with a file and with one ten times as large.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
from pyarrow import compute, dataset, parquet

from fanout_pipeline import FanoutSpec, Options, Parquet, Source, read_results
from fanout_pipeline.engine.intake import default_chunks
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.usage import own_usage

Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of source, read by both sides."""

    name: str
    beside: str
    """What the other side is."""
    limit: float
    """The ratio that is demanded."""
    write: Callable[[Path, int], object]
    """Writes a file of so many items."""
    theirs: Callable[[Path], Any]
    ours: Callable[[Path], Any]
    """Both take the file's path and return the results."""


def called(source: Source, function: Function) -> list[Any]:
    """The results of all items, read chunk by chunk as a worker does."""
    source = source.examined(source.examine())
    results: list[Any] = []
    for chunk in source.chunks(default_chunks(source, source.version().size, 1)):
        results.extend(map(function, source.read(chunk)))
    return results


def run(strategy: str, source: Source, function: Function, path: Path) -> Any:
    """The results on disk of a whole run."""
    spec = FanoutSpec("bench", source, function, function)
    folder = path.with_suffix(f".{strategy}")
    run_strategy(STRATEGIES[strategy], spec, folder, Options(workers=2))
    return folder


def written(results: Any, path: Path) -> Path:
    """A file of results, written as a loop would have it."""
    out = path.with_suffix(".results")
    indexes = pyarrow.array(numpy.arange(len(results)))
    parquet.write_table(pyarrow.table({"index": indexes, "result": results}), out)
    return out


# Parquet


def orders(path: Path, count: int) -> None:
    """Four columns in row groups of the size that DuckDB writes; written piece by piece."""
    random = numpy.random.default_rng(1)
    writer = None
    for start in range(0, count, 122_880):
        rows = min(122_880, count - start)
        table = pyarrow.table(
            {
                "order_id": numpy.arange(start, start + rows),
                "amount": random.random(rows) * 100,
                "country": random.choice(["de", "fr", "us", "at"], rows),
                "quantity": random.integers(1, 9, rows),
            }
        )
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def score(row: dict[str, Any]) -> float:
    """Some 0.2 µs."""
    return row["amount"] * row["quantity"] if row["country"] == "de" else row["amount"]


def score_6_us(row: dict[str, Any]) -> float:
    """Some 6 µs, like a scoring in Python."""
    total = 0.0
    for number in range(100):
        total += row["amount"] * number
    return total


def plus_one(amount: float) -> float:
    return amount + 1


def score_batch(rows: pyarrow.Table) -> Any:
    """The same for a batch of Arrow's."""
    times = compute.if_else(compute.equal(rows["country"], "de"), rows["quantity"], 1)
    return compute.multiply(rows["amount"], times)


def score_frame(rows: pandas.DataFrame) -> Any:
    """The same for a batch of pandas'."""
    return rows["amount"] * rows["quantity"].where(rows["country"] == "de", 1)


def parquet_rows(function: Function, path: Path) -> list[Any]:
    return [function(row) for row in parquet.read_table(path).to_pylist()]


def parquet_column(path: Path) -> list[Any]:
    values = parquet.read_table(path, columns=["amount"])["amount"].to_pylist()
    return [plus_one(value) for value in values]


def parquet_batches(function: Function, made: Function, path: Path) -> Path:
    """Each batch of pyarrow.dataset, as `made` of it, through the function, its results written at once."""
    out, first = path.with_suffix(".results"), 0
    schema = pyarrow.schema({"index": pyarrow.int64(), "result": pyarrow.float64()})
    with parquet.ParquetWriter(out, schema) as writer:
        for batch in dataset.dataset(path).to_batches():
            results = function(made(batch))
            indexes = numpy.arange(first, first + len(results))
            writer.write_table(pyarrow.table([indexes, results], schema=schema))
            first += len(results)
    return out


PARQUET = [
    Case(
        "Parquet rows, 0.2 µs a call, calls",
        "for row in table.to_pylist()",
        1.2,
        orders,
        functools.partial(parquet_rows, score),
        lambda path: called(Parquet(str(path)), score),
    ),
    Case(
        "Parquet column, calls",
        "for value in column.to_pylist()",
        1.2,
        orders,
        parquet_column,
        lambda path: called(Parquet(str(path), columns=("amount",)), plus_one),
    ),
    Case(
        "Parquet rows, 0.2 µs a call, run (serial)",
        "the loop, results written by pyarrow",
        1.2,
        orders,
        lambda path: written(parquet_rows(score, path), path),
        lambda path: run("serial", Parquet(str(path)), score, path),
    ),
    Case(
        "Parquet rows, 6 µs a call, run (multiprocess, 2)",
        "the loop, results written by pyarrow",
        1.2,
        orders,
        lambda path: written(parquet_rows(score_6_us, path), path),
        lambda path: run("multiprocess", Parquet(str(path)), score_6_us, path),
    ),
    Case(
        "Parquet batches of Arrow, run (vectorized, 2)",
        "dataset.to_batches(), results written by pyarrow",
        1.2,
        orders,
        functools.partial(
            parquet_batches, score_batch, lambda batch: pyarrow.Table.from_batches([batch])
        ),
        lambda path: run("vectorized", Parquet(str(path)), score_batch, path),
    ),
    Case(
        "Parquet batches of pandas, run (vectorized, 2)",
        "dataset.to_batches(), results written by pyarrow",
        1.2,
        orders,
        functools.partial(parquet_batches, score_frame, pyarrow.RecordBatch.to_pandas),
        lambda path: run("vectorized", Parquet(str(path)), score_frame, path),
    ),
]

CASES = [*PARQUET]


def same(ours: Any, theirs: Any) -> bool:
    """Whether two sides have the same results, in memory or on disk."""
    if isinstance(ours, Path):
        theirs = parquet.read_table(theirs)["result"].to_pylist()
        ours = read_results(ours)["result"].tolist()
    return bool(ours == theirs)


def measure(case: Case, count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        case.write(path, count)
        assert same(case.ours(path), case.theirs(path)), f"{case.name}: other results"
        seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        sides = [("ours", case.ours), ("theirs", case.theirs)]
        for number in range(rounds):
            for name, side in sides if number % 2 else reversed(sides):
                began = time.perf_counter()
                side(path)
                seconds[name].append(time.perf_counter() - began)
    ours, theirs = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    verdict = "" if ours <= case.limit * theirs else "   MISSED"
    print(
        f"{case.name:48} {ours:7.3f} s   {case.beside:48} {theirs:7.3f} s   "
        f"{ours / theirs:5.2f} (at most {case.limit}){verdict}",
        flush=True,
    )


def growth_mb(number: int, count: int) -> float:
    """By how much the memory of a process grows that reads a file of so many items, and keeps no results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        CASES[number].write(path, count)
        arguments = [sys.executable, "-m", "benchmarks.sources", "--peak", str(number), str(path)]
        return float(subprocess.run(arguments, check=True, capture_output=True).stdout)


def read_only(source: Source) -> None:
    for chunk in source.chunks(default_chunks(source, source.version().size, 1)):
        for _ in source.read(chunk):
            pass


MEMORY: dict[str, tuple[int, Callable[[str], Source]]] = {"Parquet": (0, Parquet)}
"""Sources whose memory is measured, each with the number of the case that writes its file."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="items")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="cases whose names begin with this")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        number, path = arguments.peak
        [made] = [make for case, make in MEMORY.values() if case == int(number)]
        before = own_usage().peak_rss_bytes
        read_only(made(path))
        print((own_usage().peak_rss_bytes - before) / 2**20)
        return
    for case in CASES:
        if case.name.startswith(arguments.only):
            measure(case, arguments.count, arguments.rounds)
    for name, (number, _) in MEMORY.items():
        if name.startswith(arguments.only):
            small, large = (growth_mb(number, times * arguments.count) for times in (5, 50))
            print(
                f"{name}: reading took {small:.0f} MB with {5 * arguments.count:,} items, "
                f"{large:.0f} MB with {50 * arguments.count:,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
