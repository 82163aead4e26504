"""A code location like the project's own, with its schedule firing every minute and few trials."""

import dagster as dg

from fanout_pipeline.definitions import build_definitions
from fanout_pipeline.defs.lab.schedules import nightly_comparison
from fanout_pipeline_tests.end_to_end.project import BRIEF

defs = build_definitions(
    schedule=nightly_comparison(
        cron="* * * * *",
        status=dg.DefaultScheduleStatus.RUNNING,
        run_config={"ops": BRIEF},  # one run is over before the next begins
    )
)
