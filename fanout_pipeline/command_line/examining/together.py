"""All fan-outs of a project at once: processes and cores, pools, threads before a fork."""

from __future__ import annotations

from collections.abc import Iterator

from fanout_pipeline.command_line.examining.finding import Finding, fine, warning
from fanout_pipeline.command_line.examining.instance import Instance
from fanout_pipeline.defs.project import FoundFanout, Project
from fanout_pipeline.engine.registry import AUTO, STRATEGIES
from fanout_pipeline.engine.system.cores import effective_cores

_FREE = "run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 300}"


def look_at_all(project: Project, instance: Instance) -> Iterator[Finding]:
    """What comes of running them together."""
    cores = effective_cores()
    several = {one.name: _workers(one, cores) for one in project.fanouts}
    for name, workers in several.items():
        if workers > cores:
            yield warning(
                name,
                f"asks for {workers} workers on {cores} cores",
                "leave `workers` out: there are as many as cores",
            )
    at_once = project.at_once
    most = max((several[one.name] for one in project.fanouts if one.pool is None), default=0)
    if at_once > 1 and most > 1 and "in_process" not in project.executors:
        yield warning(
            "cores",
            f"one run may work on {at_once} fan-outs at once, {at_once} × {most} processes on {cores} cores",
            "give them one pool with a limit of 1 (pool='fanout'), or have fewer workers (FANOUT_WORKERS)",
        )
    runs = instance.runs_at_once
    if runs != 1 and any(one.partitioned and one.pool is None for one in project.fanouts):
        yield warning(
            "cores",
            f"a backfill works on {runs if runs > 0 else 'all'} partitions at once, each with up to {most} processes "
            f"on {cores} cores",
            "use backfill_policy=dg.BackfillPolicy.single_run(), in which one crew does all, or a pool",
        )
    if project.pools and not instance.frees_slots:
        yield warning(
            "pools",
            f"{', '.join(sorted(project.pools))}: slots of runs that are killed are never freed",
            f"in dagster.yaml: {_FREE}",
        )


def _workers(fanout: FoundFanout, cores: int) -> int:
    """The most processes that call at once."""
    strategy = STRATEGIES.get(fanout.options.strategy or AUTO)
    if strategy is None or strategy.single or not strategy.starts_processes:
        return 1
    return fanout.options.workers or cores


def look_at_threads(described: str | None, preloads: bool) -> Iterator[Finding]:
    """`described`: which imports of the project have started threads that a fork would lose."""
    if described is None:
        yield fine("fork", "importing the project starts no threads that a fork would lose")
    elif preloads:
        yield warning(
            "fork",
            f"{described}: the preloaded executor starts each step afresh, which takes a second more",
            "import what starts threads in the functions that use it",
        )
    else:
        yield fine(
            "fork",
            f"{described}: a process that is forked would lose them (os.fork, multiprocessing's `fork`); worker "
            "processes of ours are not forked from it",
        )
