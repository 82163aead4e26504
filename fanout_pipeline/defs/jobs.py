"""The jobs, each for one kind of use."""

import dagster as dg

from fanout_pipeline.defs.executors import timed_steps_executor

break_evens = dg.AssetSelection.key_substring("/break_even")

comparison_job = dg.define_asset_job(
    "comparison_job",
    selection=dg.AssetSelection.all() - break_evens,
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
