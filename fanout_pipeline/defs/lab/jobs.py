"""The jobs, one for each kind of use."""

from typing import Any

import dagster as dg

from fanout_pipeline.defs.config.dagster_executors import timed_steps_executor


def compared(name: str) -> dg.AssetSelection:
    """The assets of one fan-out except its break-even: timed steps of two fan-outs must not share a run."""
    return dg.AssetSelection.groups(name) - dg.AssetSelection.assets(f"{name}/break_even")


def fanout_jobs(name: str) -> list[Any]:
    """The jobs of a fan-out, without the assets that write its source."""
    return [
        dg.define_asset_job(
            f"{name}_comparison_job",
            selection=compared(name),
            executor_def=timed_steps_executor,
            description=f"Runs {name} by every strategy, one at a time, and compares them.",
        ),
        dg.define_asset_job(
            f"{name}_break_even_job",
            selection=dg.AssetSelection.assets(f"{name}/break_even"),
            executor_def=timed_steps_executor,
            description="Finds the item count, and the cost of a call, from which each strategy beats "
            "serial.",
        ),
    ]


comparison_job = dg.define_asset_job(
    "comparison_job",
    selection=dg.AssetSelection.assets("numbers_file") | compared("squares"),
    executor_def=timed_steps_executor,
    description="Writes the numbers file, squares it by every strategy, one at a time, and "
    "compares them. The one to run first.",
)

serial_job = dg.define_asset_job(
    "serial_job",
    selection=dg.AssetSelection.assets("numbers_file", "squares/serial"),
    executor_def=dg.in_process_executor,
    description="Writes the numbers file and squares it in one process, without starting another.",
)

multiprocess_job = dg.define_asset_job(
    "multiprocess_job",
    selection=dg.AssetSelection.assets(
        "numbers_file", "squares/multiprocess", "squares/dagster_multiprocess"
    ),
    executor_def=timed_steps_executor,
    description="Writes the numbers file and squares it in worker processes of one step, and with one "
    "Dagster step for each chunk.",
)

break_even_job = dg.define_asset_job(
    "break_even_job",
    selection=dg.AssetSelection.assets("numbers_file", "squares/break_even"),
    executor_def=timed_steps_executor,
    description="Writes the numbers file and finds the item count, and the cost of a call, from which "
    "each strategy beats serial. Takes under 5 minutes by default, and adds to the timed runs of earlier "
    "runs.",
)

JOBS = [comparison_job, serial_job, multiprocess_job, break_even_job]
