"""Dagster's own ways to spread the chunk graph, as trials name them."""

import dagster as dg

from fanout_pipeline.defs.executors import timed_steps_executor

EXECUTORS = {
    "dagster_multiprocess": timed_steps_executor,
    "dagster_spawn": dg.multiprocess_executor,
    "dagster_in_process": dg.in_process_executor,
}
"""By the names of the trials: what the asset of the same name does, Dagster's executor as it comes,
and no processes at all."""
WAYS = tuple(EXECUTORS)
