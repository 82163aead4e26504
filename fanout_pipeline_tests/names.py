"""Names that others rely on, written out: a test that took them from the code could not fail."""

from fanout_pipeline.engine.registry import STRATEGIES as REGISTERED

PROMISED = (
    "serial",
    "threads",
    "multiprocess",
    "queue",
    "indexed_queue",
    "pool_map",
    "vectorized",
    "dagster_multiprocess",
    "auto",
)
"""Strategies whose assets readers and other projects rely on."""
STRATEGIES = (
    *(name for name, strategy in REGISTERED.items() if not strategy.awaits),
    "dagster_multiprocess",
)
"""Those that suit the example; one that is added to the registry is tested without another line."""
BASELINES = ("queue", "indexed_queue", "pool_map")
"""For comparison only: they give all results, and promise nothing else."""
METADATA = {
    "wall_seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "items",
    "failed",
    "retried",
    "items_per_second",
    "workers",
    "worker_pids",
    "chunks",
    "part_files",
    "reused_chunks",
    "reused_items",
    "start_method",
    "first_10_results",
    "in_order",
    "missing",
    "duplicated",
    "wrong",
    "digest",
}
"""On every strategy asset."""
REPORTED = {
    "wall_seconds",
    "wall_seconds_all",
    "ratio",
    "ratio_ci95",
    "speedup",
    "efficiency",
    "in_order",
    "missing",
    "duplicated",
    "wrong",
    "digest",
}
"""Of every strategy in report.json."""
