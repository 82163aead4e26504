"""The jobs, each for one kind of use."""

from typing import TYPE_CHECKING

import dagster as dg

from fanout_pipeline.defs.executors import timed_steps_executor

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )


def compared(name: str) -> dg.AssetSelection:
    """All assets of one fan-out but its break-even. Steps of two in one run would time each other."""
    return dg.AssetSelection.groups(name) - dg.AssetSelection.assets(f"{name}/break_even")


def fanout_jobs(name: str) -> "list[UnresolvedAssetJobDefinition]":
    """The jobs of any fan-out. They do not make its source."""
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
            description="Finds out from how many items, and from which cost an item, each strategy "
            "beats serial.",
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
    description="Writes the numbers file and squares it in one process, with no process started.",
)

multiprocess_job = dg.define_asset_job(
    "multiprocess_job",
    selection=dg.AssetSelection.assets(
        "numbers_file", "squares/multiprocess", "squares/dagster_multiprocess"
    ),
    executor_def=timed_steps_executor,
    description="Writes the numbers file and squares it in worker processes: those of one step, "
    "and one Dagster step a chunk.",
)

break_even_job = dg.define_asset_job(
    "break_even_job",
    selection=dg.AssetSelection.assets("numbers_file", "squares/break_even"),
    executor_def=timed_steps_executor,
    description="Writes the numbers file and finds out from how many items, and from which cost an "
    "item, each strategy beats serial. Under 5 minutes unless configured otherwise; goes on where "
    "an earlier run stopped.",
)

JOBS = [comparison_job, serial_job, multiprocess_job, break_even_job]
