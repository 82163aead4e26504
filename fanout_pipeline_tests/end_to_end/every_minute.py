"""The code location with its schedule started and due every minute."""

import dagster as dg

from fanout_pipeline.definitions import build_definitions
from fanout_pipeline.defs.schedules import nightly_comparison

defs = build_definitions(schedule=nightly_comparison("* * * * *", dg.DefaultScheduleStatus.RUNNING))
