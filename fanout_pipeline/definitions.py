"""The code location: the one place where everything is listed."""

from __future__ import annotations

import dagster as dg

from fanout_pipeline.defs.assets.numbers import SQUARES, numbers_file
from fanout_pipeline.defs.config.dagster_executors import timed_steps_executor
from fanout_pipeline.defs.config.resources import default_resources
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.lab.jobs import JOBS
from fanout_pipeline.defs.lab.schedules import nightly_comparison
from fanout_pipeline.defs.shared.json_io_manager import json_io_manager


def build_definitions(*, schedule: dg.ScheduleDefinition | None = None) -> dg.Definitions:
    """Everything that Dagster is told of; `schedule` stands in for `nightly_comparison`."""
    return dg.Definitions(
        assets=[numbers_file, *fanout_assets(SQUARES)],
        jobs=JOBS,
        schedules=[schedule or nightly_comparison()],
        # Dagster's default unpickles files from a folder that run config may name.
        resources=default_resources() | {"io_manager": json_io_manager},
        executor=timed_steps_executor,
    )


defs = build_definitions()
