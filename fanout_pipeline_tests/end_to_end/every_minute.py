"""A code location like the project's own, with its schedule firing every minute."""

import dagster as dg

from fanout_pipeline.definitions import build_definitions
from fanout_pipeline.defs.schedules import nightly_comparison

defs = build_definitions(
    schedule=nightly_comparison(cron="* * * * *", status=dg.DefaultScheduleStatus.RUNNING)
)
