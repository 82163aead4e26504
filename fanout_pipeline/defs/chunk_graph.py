"""`dagster_multiprocess`: a graph asset with one Dagster step a chunk.

    scatter --a DynamicOut a chunk--> chunk[0] … chunk[n] --collect--> gather

Wiring only: the work is `fanout.scattered`. The plan and the answers travel between steps as JSON,
through an IO manager of ours, for nothing that is read from disk here is ever unpickled.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from fanout_pipeline.defs.checks import check_specs, failures_spec
from fanout_pipeline.defs.json_io_manager import IO_MANAGER
from fanout_pipeline.defs.keys import upstream_keys
from fanout_pipeline.defs.overlap import ALONE, CHUNK, TIMED, overlapping_steps
from fanout_pipeline.defs.recording import checked_and_recorded
from fanout_pipeline.defs.resources import DataFolder, Fanout
from fanout_pipeline.fanout.contract import FanoutSpec
from fanout_pipeline.parts.folder import ResultFolder
from fanout_pipeline.parts.ledger import OLD_SECONDS

NAME = "dagster_multiprocess"
DESCRIPTION = (
    "Spreads the chunks over Dagster steps: scatter cuts, each chunk is a step of its own in a "
    "process of its own, gather puts them in order. What Dagster gives for it: a log, a retry and "
    "a place in the timeline for each chunk; what it costs: a tenth or two of a second a step."
)
_CHUNK_BYTES = 8 * 2**20
_CHUNKS_PER_WORKER = 2


def chunk_graph_asset(spec: FanoutSpec, version: str, tags: dict[str, str]) -> dg.AssetsDefinition:
    """The asset `<name>/dagster_multiprocess`; `tags` go onto its steps, beside those it needs.

    `version` is the function's fingerprint.
    """
    key = dg.AssetKey([spec.name, NAME])
    checks = [*check_specs(key, keeps_order=True), failures_spec(key)]
    outs = {check.get_python_identifier(): dg.Out() for check in checks}
    upstream = upstream_keys(spec)

    def placed(data_folder: DataFolder) -> tuple[FanoutSpec, Path]:
        return data_folder.placed(spec), data_folder.path(spec.name, NAME)

    @dg.op(
        name=f"{spec.name}_scatter",
        description="Cuts the source into chunks, without reading it through.",
        ins={name: dg.In(dg.Nothing) for name in upstream},
        out={
            "plan": dg.Out(io_manager_key=IO_MANAGER),
            "chunk": dg.DynamicOut(int, io_manager_key=IO_MANAGER),
        },
        tags=tags | {TIMED: ALONE},
    )
    def scatter_op(
        context: dg.OpExecutionContext, data_folder: DataFolder, fanout: Fanout
    ) -> Iterator[Any]:
        from fanout_pipeline.defs.chunk_json import PLAN
        from fanout_pipeline.fanout.run import no_timeout
        from fanout_pipeline.fanout.scattered import scatter

        here, folder = placed(data_folder)
        target = ResultFolder(folder)
        size = here.source.size()
        options = fanout.options()
        if options.failures.item_timeout_seconds is not None:
            context.log.warning(no_timeout(NAME))
        least = options.workers * _CHUNKS_PER_WORKER
        chunks = fanout.chunks or max(least, math.ceil(size / _CHUNK_BYTES))
        plan = scatter(here, target, context.run_id, chunks, options.failures)
        target.remove_generations(lambda generation: _is_over(context, generation))
        context.log.info(f"{len(plan.chunks)} chunks, a step each")
        yield dg.Output(PLAN.dump_python(plan, mode="json"), "plan")
        for chunk in plan.chunks:
            yield dg.DynamicOutput(chunk.number, str(chunk.number), "chunk")

    @dg.op(
        name=f"{spec.name}_chunk",
        description="Reads one chunk, calls the function on its items, writes its part.",
        out=dg.Out(io_manager_key=IO_MANAGER),
        tags=tags | {TIMED: CHUNK, "dagster/priority": "1"},
    )
    def chunk_op(
        context: dg.OpExecutionContext,
        plan: dict[str, Any],
        number: int,
        data_folder: DataFolder,
    ) -> dict[str, Any]:
        from fanout_pipeline.defs.chunk_json import ANSWER, PLAN
        from fanout_pipeline.fanout.scattered import go_on, run_scattered

        here, folder = placed(data_folder)
        plan_ = PLAN.validate_python(plan)
        if plan_.generation != context.run_id:
            go_on(here, ResultFolder(folder), plan_)
        answer = run_scattered(here, ResultFolder(folder), plan_, number)
        recorded: dict[str, Any] = ANSWER.dump_python(answer, mode="json")
        return recorded

    @dg.op(
        name=f"{spec.name}_gather",
        description="Puts the parts in the order of the chunks, makes them visible, checks them.",
        out={"result": dg.Out(dg.Nothing), **outs},
        tags=tags | {TIMED: ALONE, "dagster/priority": "1"},
    )
    def gather_op(
        context: dg.OpExecutionContext,
        plan: dict[str, Any],
        answers: list[dict[str, Any]],
        data_folder: DataFolder,
        fanout: Fanout,
    ) -> Iterator[Any]:
        from fanout_pipeline.defs.chunk_json import ANSWER, PLAN
        from fanout_pipeline.fanout.scattered import gather, go_on

        here, folder = placed(data_folder)
        workers = fanout.options().workers
        plan_ = PLAN.validate_python(plan)
        given = [ANSWER.validate_python(answer) for answer in answers]
        if plan_.generation != context.run_id:
            go_on(here, ResultFolder(folder), plan_, gathering=True)
        run = gather(NAME, here, ResultFolder(folder), plan_, given, workers)
        overlaps = overlapping_steps(
            context, spec.name, NAME, plan_.began, plan_.began + run.wall_seconds
        )
        yield from checked_and_recorded(
            context.log,
            key,
            here,
            folder,
            run,
            plan_.failures,
            keeps_order=True,
            overlapped_with=overlaps,
            fanout=fanout,
        )

    @dg.graph_asset(
        key=key,
        description=DESCRIPTION,
        group_name=spec.name,
        kinds={"python", "dagster", "parquet"},
        owners=["team:fanout"],
        code_version=version,
        ins={
            name: dg.AssetIn(key=source, dagster_type=dg.Nothing)
            for name, source in upstream.items()
        },
        check_specs=checks,
    )
    def dagster_multiprocess(**inputs: Any) -> dict[str, Any]:
        plan, numbers = scatter_op(**inputs)
        answers = numbers.map(lambda number: chunk_op(plan, number)).collect()
        outputs: dict[str, Any] = gather_op(plan, answers)._asdict()
        return outputs

    return dagster_multiprocess


def _is_over(context: dg.OpExecutionContext, generation: Path) -> bool:
    """Whether no run works on a generation: neither that which scattered nor a re-execution of it."""
    from fanout_pipeline.fanout.scattered import owner_is_gone, run_of

    own = run_of(generation)
    is_old = time.time() - generation.stat().st_mtime > OLD_SECONDS
    scattered = context.instance.get_run_by_id(own)
    if scattered is None:  # deleted, or of another Dagster instance on the same data
        return is_old or owner_is_gone(generation)
    # Not `get_run_group`, which raises where the first run of the group was deleted.
    group = dg.RunsFilter(tags={ROOT_RUN_ID_TAG: scattered.root_run_id or own})
    runs = [scattered, *context.instance.get_runs(group)]
    unfinished = {run.run_id for run in runs if not run.is_finished} - {context.run_id}
    if not unfinished:
        return own != context.run_id
    # A run that was killed with SIGKILL may stay "started" for ever. But a re-execution whose first chunk
    # has not begun has not said that it owns the generation.
    begins = unfinished != {own} and not is_old
    return owner_is_gone(generation) and not begins
