"""Schedules of jobs."""

from typing import Any

import dagster as dg

from fanout_pipeline.defs.lab.jobs import comparison_job


def nightly_comparison(
    cron: str = "0 2 * * *",
    status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED,
    run_config: dict[str, Any] | None = None,
) -> dg.ScheduleDefinition:
    """Runs the comparison every night at 02:00 UTC, once somebody has started the schedule."""
    return dg.ScheduleDefinition(
        name="nightly_comparison",
        job=comparison_job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=status,
        run_config=run_config,
        description="Runs the comparison every night, so that the UI plots how its times change.",
    )
