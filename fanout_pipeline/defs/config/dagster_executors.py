"""Dagster's own ways to spread the chunk graph, as trials name them."""

import dagster as dg

from fanout_pipeline.defs.executors import timed_steps_executor

EXECUTORS = {
    "dagster_in_process": dg.in_process_executor,
    "dagster_multiprocess": timed_steps_executor,
    "dagster_spawn": dg.multiprocess_executor,
}
"""By the names of the trials: no processes at all, what the asset of the same name does, Dagster's
executor as it comes. The quickest first: trials give each its chance in this order."""
WAYS = tuple(EXECUTORS)
