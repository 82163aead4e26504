"""What it costs to find out that nothing has changed, beside what it costs to read and hash the same.

    python -m benchmarks.unchanged [--rows 1000000] [--files 100000] [--rounds 5]

Rows of Parquet: an integer as the key, or a text, and two columns that a function is given. `keys and contents` is
what a run does with each chunk; `whole run` is a run by one process that calls nothing, from the input to
committed results. They are compared with pyarrow, which reads the three columns, and polars or pandas, which
hash them. Each is measured in a process of its own, the second time, in turns; memory is the most of that process.
Files: their keys and stamps, beside a loop that lists them and looks at each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEYS = ("id", "code")
CHANGED = 100
"""One row of so many is another in the second version of the input."""


def score(row: dict[str, Any]) -> float:
    return float(row["amount"]) * len(row["name"])


def write_rows(root: Path, rows: int) -> None:
    """Two versions of the input: in the second 1 % of the rows have other amounts."""
    import numpy
    import pyarrow
    from pyarrow import parquet

    chance = numpy.random.default_rng(1)
    ids = chance.permutation(rows)
    table = {
        "id": ids,
        "code": [f"order-{number:07}" for number in ids.tolist()],
        "amount": chance.random(rows),
        "name": [f"name {number:05}" for number in chance.integers(0, 10**5, rows).tolist()],
    }
    parquet.write_table(pyarrow.table(table), root / "a.parquet", row_group_size=100_000)
    table["amount"] = table["amount"] + (numpy.arange(rows) % CHANGED == 0)
    parquet.write_table(pyarrow.table(table), root / "b.parquet", row_group_size=100_000)


def read_and_hash(root: Path, key: str, library: str) -> Callable[[], object]:
    """pyarrow reads the columns, another library hashes them."""
    import pandas
    import polars
    from pyarrow import parquet

    def measured() -> object:
        columns = [key, "amount", "name"]
        table = parquet.read_table(root / "a.parquet", columns=columns)
        if library == "polars":
            return polars.from_arrow(table).hash_rows()  # type: ignore[union-attr]
        return pandas.util.hash_pandas_object(table.to_pandas(), index=False)

    return measured


def keys_and_contents(root: Path, key: str) -> Callable[[], object]:
    """What a run with a key does with each chunk."""
    from fanout_pipeline import Parquet
    from fanout_pipeline.sources import column_hash, keys  # noqa: F401

    def measured() -> object:
        source = Parquet(str(root / "a.parquet"), columns=["amount", "name"])
        source = source.examined(source.version())
        found = []
        for chunk in source.chunks(source.version().size // source.CHUNK_SIZE):
            items = source.read(chunk)
            found.append((items.keys(key), items.contents()))
        return found

    return measured


def whole_run(root: Path, key: str, version: str = "a") -> Callable[[], object]:
    """A run after others, of which the last was of the first version of the input."""
    from fanout_pipeline import Options, Parquet, fan_out

    source = Parquet(str(root / "in.parquet"), columns=["amount", "name"])
    folder = root / f"results-{key}"
    how = Options(strategy="serial")

    def measured() -> Any:
        return fan_out(score, source, key=key, folder=folder, options=how, progress=False)

    def put(name: str) -> None:
        (root / "in.parquet").unlink(missing_ok=True)
        os.link(root / f"{name}.parquet", root / "in.parquet")

    put("a")
    measured()
    put(version)
    return measured


BASE = "pyarrow and polars"
WAYS: dict[str, Callable[[Path, str], Callable[[], object]]] = {
    BASE: lambda root, key: read_and_hash(root, key, "polars"),
    "pyarrow and pandas": lambda root, key: read_and_hash(root, key, "pandas"),
    "keys and contents": keys_and_contents,
    "whole run, nothing changed": whole_run,
    "whole run, 1 % changed": lambda root, key: whole_run(root, key, "b"),
}


def peak_megabytes() -> float:
    """The most memory that this process had, since it began or since it was asked to count anew."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def measure(way: str, root: Path, key: str) -> None:
    """In a process of its own, the second time."""
    call = WAYS[way](root, key)
    if not way.startswith("whole run"):  # before which there was one
        call()
    Path("/proc/self/clear_refs").write_text("5")
    began, busy = time.perf_counter(), time.process_time()
    call()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    print(json.dumps([seconds, busy, peak_megabytes()]))


def rows(root: Path, count: int, rounds: int) -> None:
    write_rows(root, count)
    for key in KEYS:
        found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, measured in found.items():
                one = ["--one", way, str(root), key]
                command = [sys.executable, "-m", "benchmarks.unchanged", *one]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                measured.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{count:,} rows of Parquet, the key is {key!r}:")
        for way, measured in found.items():
            seconds, busy, memory = map(statistics.median, zip(*measured, strict=True))
            ratios = [
                f"{statistics.median(some):.2f} ({min(some):.2f} to {max(some):.2f})"
                for some in (
                    [one[n] / base[n] for one, base in zip(measured, found[BASE], strict=True)]
                    for n in range(2)
                )
            ]
            print(f"  {way}: {seconds:.2f} s, {busy:.2f} s of CPU time, {memory:.0f} MB;", end=" ")
            print(f"{ratios[0]} times {BASE}, in CPU time {ratios[1]}")


def files(root: Path, count: int, rounds: int) -> None:
    from fanout_pipeline import Files

    folder = root / "files"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.txt").write_text(str(number))
    listed, stamped, looped = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        looks = [one.stat().st_mtime_ns for one in os.scandir(folder)]
        looped.append(time.perf_counter() - began)
        began = time.perf_counter()
        source = Files(str(folder))
        source = source.examined(source.examine())
        listed.append(time.perf_counter() - began)
        began = time.perf_counter()
        for chunk in source.chunks(count // source.CHUNK_SIZE):
            items = source.read(chunk)
            items.keys("path")
            items.stamps()
        stamped.append(time.perf_counter() - began)
        assert len(looks) == count
    loop, listing, stamps = map(statistics.median, (looped, listed, stamped))
    print(
        f"{count:,} files: the listing {listing:.2f} s, keys and stamps {stamps:.2f} s; a loop over os.scandir "
        f"that looks at each {loop:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        way, root, key = given.one
        measure(way, Path(root), key)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows(Path(folder), given.rows, given.rounds)
        files(Path(folder), given.files, given.rounds)


if __name__ == "__main__":
    main()
