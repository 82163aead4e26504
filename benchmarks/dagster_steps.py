"""What a Dagster step costs: the chunk graph under three executors, interleaved, in new processes.

spawn       Dagster's multiprocess executor with default settings
forkserver  the same with `start_method: forkserver`: preloads the code location
preloaded   this project's: steps forked from a process that has loaded code location and instance

Each run is one of the asset squares/dagster_multiprocess with so many chunks, in an instance whose
storage is SQLite in a folder, as in dagster_home/. A chunk step's seconds are the run's beyond
those of a run with 2 chunks, divided by the chunks beyond 2. Prints them, and where a step of
`preloaded` spends its time, as Markdown tables. Both runs of a pair are made `--rounds` times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import dagster as dg
from tabulate import tabulate

from fanout_pipeline import Options
from fanout_pipeline.defs.assets.chunk_graph import NAME, chunk_graph_asset
from fanout_pipeline.defs.assets.numbers import SQUARES
from fanout_pipeline.defs.config.dagster_executors import timed_steps_executor
from fanout_pipeline.defs.config.resources import default_resources
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers

EXECUTORS = {
    "spawn": dg.multiprocess_executor,
    "forkserver": dg.multiprocess_executor.configured(
        {"start_method": {"forkserver": {}}}, name="forkserver"
    ),
    "preloaded": timed_steps_executor,
}
BASE = 2
RUN = """
import sys, time
import dagster as dg
import dagster_steps
home, executor, chunks, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
job = dg.build_reconstructable_job("dagster_steps", "steps_job", (executor,))
config = {
    "resources": {"fanout": {"config": {"chunks": chunks, "workers": workers}}},
    "execution": {"config": {"max_concurrent": workers}},
}
with dg.DagsterInstance.from_config(home) as instance:
    began = time.perf_counter()
    with dg.execute_job(job, instance, run_config=config, raise_on_error=True) as result:
        print("ran", result.run_id, time.perf_counter() - began)
"""
PHASES = {
    "STEP_WORKER_STARTED": "requested and forked",
    "RESOURCE_INIT_STARTED": "its part of the plan",
    "RESOURCE_INIT_SUCCESS": "resources",
    "STEP_START": "start of capturing its output",
    "LOADED_INPUT": "inputs",
    "STEP_INPUT": "inputs",
    "STEP_OUTPUT": "the chunk: read, called, written",
    "HANDLED_OUTPUT": "output",
    "STEP_SUCCESS": "end",
}
"""What a step does before it writes each event; the time of writing the one before is in it."""


def steps_job(executor: str) -> dg.JobDefinition:
    """The chunk graph under one of EXECUTORS."""
    asset = chunk_graph_asset(SQUARES, "1", {})
    job = dg.define_asset_job("steps", selection=[asset.key], executor_def=EXECUTORS[executor])
    built = dg.Definitions(assets=[asset], jobs=[job], resources=default_resources())
    return built.resolve_job_def("steps")


def one_run(home: Path, executor: str, chunks: int, workers: int) -> tuple[str, float]:
    """The run's id, and the seconds from `execute_job` to its return."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(home), executor, str(chunks), str(workers)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path[1:])])}
        | {"FANOUT_DATA": str(home / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line.split() for line in done.stdout.splitlines() if line.startswith("ran ")]
    if done.returncode or not told:
        sys.exit(f"{executor} with {chunks} chunks failed:\n{done.stderr[-3000:]}")
    return told[0][1], float(told[0][2])


def breakdown(
    instance: dg.DagsterInstance, runs: dict[int, str], seconds_a_step: float, workers: int
) -> list[list[object]]:
    """Mean seconds of a chunk step's phases, from the event log of the run with the most chunks."""
    spent: dict[str, float] = defaultdict(float)
    last: dict[str, float] = {}
    most = max(runs)
    for entry in instance.all_logs(runs[most]):
        if entry.step_key and "_chunk[" in entry.step_key and entry.dagster_event_type:
            phase = PHASES.get(entry.dagster_event_type.value)
            if phase and entry.step_key in last:
                spent[phase] += entry.timestamp - last[entry.step_key]
            last[entry.step_key] = entry.timestamp
    around = [around_seconds(instance, runs[chunks]) for chunks in (most, BASE)]
    shared = (around[0] - around[1]) / (most - BASE) * workers
    rows = {phase: total / len(last) for phase, total in spent.items()}
    slot = seconds_a_step * workers
    return [
        *map(list, rows.items()),
        ["from its end to the next step's begin", slot - shared - sum(rows.values())],
        ["scatter's and gather's time for one chunk more", shared],
        [f"**in all: {workers} slots, each for the seconds a step**", slot],
        ["*for comparison: one event written to the log*", event_seconds(instance, runs[most])],
    ]


def around_seconds(instance: dg.DagsterInstance, run_id: str) -> float:
    """What scatter and gather took, from being asked for to their ends."""
    first, last = dg.DagsterEventType.STEP_WORKER_STARTING, dg.DagsterEventType.STEP_SUCCESS
    seconds = 0.0
    for entry in instance.all_logs(run_id, of_type={first, last}):
        if entry.step_key and entry.step_key.endswith(("_scatter", "_gather")):
            seconds += entry.timestamp * (1 if entry.dagster_event_type == last else -1)
    return seconds


def event_seconds(instance: dg.DagsterInstance, run_id: str, count: int = 20) -> float:
    run = instance.get_run_by_id(run_id)
    began = time.perf_counter()
    for _ in range(count):
        instance.report_engine_event("written by benchmarks/dagster_steps.py", run)
    return (time.perf_counter() - began) / count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--executors", nargs="+", default=list(EXECUTORS), choices=EXECUTORS)
    parser.add_argument("--rounds", type=int, default=1, help="medians over so many runs of each")
    parser.add_argument("--workers", type=int, default=2, help="steps at a time")
    parser.add_argument("--count", type=int, default=100_000, help="numbers to square in all")
    parser.add_argument("--folder", type=Path, help="for the instance; default: a temporary one")
    arguments = parser.parse_args()
    workers = arguments.workers
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        write_numbers(home / "data" / NUMBERS_FILE, arguments.count)
        reference = home / "data" / SQUARES.name / REFERENCE
        serial = STRATEGIES[REFERENCE]
        run_strategy(serial, SQUARES.under(home / "data"), reference, Options(workers=1))
        seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
        runs: dict[tuple[str, int], str] = {}
        for _ in range(arguments.rounds):
            for chunks in (BASE, *arguments.chunks):
                for executor in arguments.executors:
                    runs[executor, chunks], wall = one_run(home, executor, chunks, workers)
                    seconds[executor, chunks].append(wall)
                    print(f"{executor} {chunks} chunks: {wall:.1f} s", file=sys.stderr, flush=True)
        whole = {key: statistics.median(walls) for key, walls in seconds.items()}
        steps = {
            (executor, chunks): (wall - whole[executor, BASE]) / (chunks - BASE)
            for (executor, chunks), wall in whole.items()
            if chunks != BASE
        }
        table = [
            [executor, chunks, whole[executor, BASE], whole[executor, chunks], a_step]
            for (executor, chunks), a_step in steps.items()
        ]
        head = ["executor", "chunks", f"run of {BASE} s", "run s", "seconds a step"]
        print(tabulate(table, head, tablefmt="github", floatfmt=".3f"))
        if "preloaded" in arguments.executors:
            most = max(arguments.chunks)
            of_preloaded = {
                chunks: run for (name, chunks), run in runs.items() if name == "preloaded"
            }
            with dg.DagsterInstance.from_config(str(home)) as instance:
                rows = breakdown(instance, of_preloaded, steps["preloaded", most], workers)
            print(f"\nA chunk step of {SQUARES.name}/{NAME} under `preloaded`, {most} chunks:\n")
            print(tabulate(rows, ["phase", "seconds"], tablefmt="github", floatfmt=".3f"))


if __name__ == "__main__":
    main()
