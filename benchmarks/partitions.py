"""What a partition costs, and what an item: the same lines as many partitions, in a run each or in one, and as one input.

    python -m benchmarks.partitions [--partitions 30] [--items 100] [--rounds 3]

Medians of seconds of `dagster.materialize` in this process, with a history in SQLite. Under a daemon each run has a
process of its own besides, which imports dagster and the project.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import dagster as dg

from fanout_pipeline import JsonLines, fanout_asset


def size(event: dict) -> int:
    return len(event["kind"])


def inputs(root: Path, keys: list[str], items: int) -> None:
    """The lines of each partition."""
    (root / "events").mkdir()
    for key in keys:
        lines = (f'{{"kind": "event {number} of {key}"}}\n' for number in range(items))
        (root / "events" / f"{key}.jsonl").write_text("".join(lines))


def seconds(asset: dg.AssetsDefinition, instance: dg.DagsterInstance, **how: object) -> float:
    began = time.perf_counter()
    assert dg.materialize([asset], instance=instance, **how).success  # type: ignore[arg-type]
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--partitions", type=int, default=30)
    parser.add_argument("--items", type=int, default=100, help="of each partition")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    keys = [f"{number:03}" for number in range(given.partitions)]
    by_key = dg.StaticPartitionsDefinition(keys)
    one = fanout_asset(size, name="one", over=JsonLines("events/*.jsonl"), unpack=False)
    each = fanout_asset(
        size,
        name="each",
        over=JsonLines("events/{partition}.jsonl"),
        unpack=False,
        partitions_def=by_key,
    )
    all_tags = {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FANOUT_DATA"] = folder
        inputs(Path(folder), keys, given.items)
        home = Path(folder, "home")
        home.mkdir()
        quiet = {"python_logs": {"dagster_handler_config": {}}, "telemetry": {"enabled": False}}
        with dg.DagsterInstance.local_temp(str(home), overrides=quiet) as instance:
            taken: dict[str, list[float]] = {}
            for _ in range(given.rounds):
                found = {
                    "a run each": sum(seconds(each, instance, partition_key=key) for key in keys),
                    "one run over all partitions": seconds(each, instance, tags=all_tags),
                    "no partitions": seconds(one, instance),
                }
                for name, took in found.items():
                    taken.setdefault(name, []).append(took)
    print(f"{given.partitions} partitions of {given.items} lines")
    for name, several in taken.items():
        median = statistics.median(several)
        print(f"{name}: {median:.2f} s, {1000 * median / given.partitions:.1f} ms a partition")


if __name__ == "__main__":
    main()
