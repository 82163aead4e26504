"""A code location like the project's own, with its schedule firing every minute and few trials."""

import dagster as dg

from fanout_pipeline.definitions import build_definitions
from fanout_pipeline.defs.lab.schedules import nightly_comparison
from fanout_pipeline_tests.faults.rounds import FULL

COUNT = 100_000 if FULL else 20_000
TRIALS = {
    "rounds": 5,
    "budget_seconds": 600,
    "strategies": ["threads", "multiprocess", "vectorized"],
}
"""As few as give a verdict. In full there are all, and the pictures are those of the README."""
RUN_CONFIG = {
    "ops": {
        "numbers_file": {"config": {"count": COUNT}},
        "squares__trials": {"config": {} if FULL else TRIALS},
    }
}

defs = build_definitions(
    schedule=nightly_comparison(
        cron="* * * * *", status=dg.DefaultScheduleStatus.RUNNING, run_config=RUN_CONFIG
    )
)
