"""The code location's executor, and the executors that trials run the chunk graph under."""

from typing import Any

import dagster as dg

from fanout_pipeline.defs.config.bounds import Workers
from fanout_pipeline.defs.shared.overlap import ALONE, TIMED
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.executor import preloaded_multiprocess_executor

PRELOAD = (
    "pandas",
    "psutil",
    "upath.implementations.local",
    "fanout_pipeline.defs.assets.chunk_json",
    "fanout_pipeline.engine.calls.imports",
    "fanout_pipeline.engine.scattered.scattered",
    "fanout_pipeline.measuring.correctness.verification",
)
"""Modules that steps import in addition to those that the definitions import.

None of them may start a thread, or open a file or a connection, when it is imported: steps are forked
from the process that has imported it.
"""


def _within_bounds(config: dict[str, Any]) -> dict[str, Any]:
    return {"max_concurrent": config["max_concurrent"] or effective_cores()}


timed_steps_executor = preloaded_multiprocess_executor(
    preload=PRELOAD, tag_concurrency_limits=[{"key": TIMED, "value": ALONE, "limit": 1}]
).configured(
    _within_bounds,
    name="preloaded_multiprocess",
    config_schema={
        "max_concurrent": dg.Field(
            dg.Noneable(Workers),
            default_value=None,
            description="Steps at a time. Default: the effective cores.",
        )
    },
)
"""The code location's default: runs timed steps one at a time, and chunk steps beside each other."""

DAGSTER_EXECUTORS = {
    "dagster_in_process": dg.in_process_executor,
    "dagster_multiprocess": timed_steps_executor,
    "dagster_spawn": dg.multiprocess_executor,
}
"""Executors of the chunk graph by the names of their trials: without processes, as in the asset
`<name>/dagster_multiprocess`, and Dagster's multiprocess executor with default settings. The fastest
come first, because trials warm up in this order."""
