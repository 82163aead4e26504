"""The jobs, each for one kind of use."""

import dagster as dg

from fanout_pipeline.defs.executors import timed_steps_executor

comparison_job = dg.define_asset_job(
    "comparison_job",
    selection=dg.AssetSelection.all(),
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

JOBS = [comparison_job, serial_job, multiprocess_job]
