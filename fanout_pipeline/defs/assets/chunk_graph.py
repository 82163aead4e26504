"""`dagster_multiprocess`: a graph asset with one Dagster step a chunk.

    scatter --a DynamicOut a chunk--> chunk[0] … chunk[n] --collect--> gather

Wiring only: the work is done in `engine.scattered`. Steps pass values on as JSON, through an IO manager of
the project's own, because nothing that is read from disk is ever unpickled.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.assets.checks import check_specs, failures_spec
from fanout_pipeline.defs.assets.recording import FinishedRun, checked_and_recorded
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER
from fanout_pipeline.defs.shared.keys import depends_on_metadata, upstream_keys
from fanout_pipeline.defs.shared.overlap import ALONE, CHUNK, TIMED, overlapping_steps
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import OLD_SECONDS

if TYPE_CHECKING:
    from fanout_pipeline.engine.scattered.scattered import ScatteredRun

NAME = "dagster_multiprocess"
_DESCRIPTION = (
    "Spreads the chunks over Dagster steps: scatter cuts the source, each chunk is a step in a process "
    "of its own, gather puts the parts in order. Each chunk gets a log, retries and a place in the "
    "timeline, for a tenth or two of a second a step."
)


def chunk_graph_asset(
    spec: FanoutSpec, version: str, tags: dict[str, str], pool: str | None = None
) -> dg.AssetsDefinition:
    """The asset `<name>/dagster_multiprocess`. Its steps have `tags` in addition to those that they need.

    `version` is the function's (see `identity.code_version`). Each step that calls it takes a slot of the `pool`.
    """
    key = dg.AssetKey([spec.name, NAME])
    checks = [*check_specs(key, keeps_order=True), failures_spec(key)]
    outs = {check.get_python_identifier(): dg.Out() for check in checks}
    upstream = upstream_keys(spec)

    def joined_run(
        context: dg.OpExecutionContext, data_folder: DataFolder, fanout: Fanout
    ) -> "ScatteredRun":
        from fanout_pipeline.engine.scattered.scattered import ScatteredRun

        return ScatteredRun.join(
            NAME,
            data_folder.located(spec),
            data_folder.path(spec.name, NAME),
            fanout.options(),
            context.run_id,
            group=context.run.root_run_id or context.run_id,
            resume=fanout.resume,
            is_over=lambda generation: _is_over(context, generation),
            log=context.log.info,
        )

    @dg.op(
        name=f"{spec.name}_scatter",
        description="Cuts the source into chunks without reading all of it.",
        ins={name: dg.In(dg.Nothing) for name in upstream},
        out=dg.DynamicOut(io_manager_key=IO_MANAGER),
        tags=tags | {TIMED: ALONE},
    )
    def scatter_op(
        context: dg.OpExecutionContext, data_folder: DataFolder, fanout: Fanout
    ) -> Iterator[dg.DynamicOutput[list[int]]]:
        from fanout_pipeline.engine.suitability import not_applied

        if fanout.item_timeout_seconds is not None:
            context.log.warning(not_applied("item_timeout_seconds", NAME))
        chunks = joined_run(context, data_folder, fanout).scatter()
        context.log.info(f"{len(chunks)} chunks, one step each")
        for chunk in chunks:
            yield dg.DynamicOutput([chunk.start, chunk.stop], str(chunk.number))

    @dg.op(
        name=f"{spec.name}_chunk",
        description="Reads one chunk, calls the function on its items and writes the part.",
        out=dg.Out(io_manager_key=IO_MANAGER),
        tags=tags | {TIMED: CHUNK, "dagster/priority": "1"},
        pool=pool,
    )
    def chunk_op(
        context: dg.OpExecutionContext,
        bounds: list[int],
        data_folder: DataFolder,
        fanout: Fanout,
    ) -> dict[str, Any]:
        from fanout_pipeline.defs.assets.chunk_json import ANSWER

        answer = joined_run(context, data_folder, fanout).run_chunk(*bounds)
        recorded: dict[str, Any] = ANSWER.dump_python(answer, mode="json")
        return recorded

    @dg.op(
        name=f"{spec.name}_gather",
        description="Runs the chunks that no step has run, puts the parts in the order of the chunks, "
        "makes them visible and checks them.",
        out={"result": dg.Out(dg.Nothing), **outs},
        tags=tags | {TIMED: ALONE, "dagster/priority": "1"},
        pool=pool,
    )
    def gather_op(
        context: dg.OpExecutionContext,
        answers: list[dict[str, Any]],
        data_folder: DataFolder,
        fanout: Fanout,
    ) -> Iterator[Any]:
        from fanout_pipeline.defs.assets.chunk_json import ANSWER

        scattered = joined_run(context, data_folder, fanout)
        run = scattered.gather([ANSWER.validate_python(answer) for answer in answers])
        began = scattered.begun.began
        overlaps = overlapping_steps(context, spec.name, NAME, began, began + run.wall_seconds)
        finished = FinishedRun(
            key=key,
            spec=scattered.spec,
            folder=scattered.target.path,
            record=run,
            failures=scattered.options.failures,
            keeps_order=True,
            overlapped_with=overlaps,
        )
        yield from checked_and_recorded(finished, fanout, context.log)

    @dg.graph_asset(
        key=key,
        description=_DESCRIPTION,
        group_name=spec.name,
        kinds={"python", "dagster", "parquet"},
        owners=["team:fanout"],
        metadata=depends_on_metadata(spec),
        code_version=version,
        ins={
            name: dg.AssetIn(key=source, dagster_type=dg.Nothing)
            for name, source in upstream.items()
        },
        check_specs=checks,
    )
    def dagster_multiprocess(**inputs: Any) -> dict[str, Any]:
        answers = scatter_op(**inputs).map(chunk_op).collect()
        outputs: dict[str, Any] = gather_op(answers)._asdict()
        return outputs

    return dagster_multiprocess


def _is_over(context: dg.OpExecutionContext, generation: Generation) -> bool:
    """Whether the run that a generation is named after has stopped working on it."""
    from fanout_pipeline.engine.scattered.owner import owner_has_ended

    run = context.instance.get_run_by_id(generation.name)
    if run is not None and run.is_finished:
        return True
    # A run that was killed with SIGKILL may stay "started" for ever. An unknown run was deleted, or
    # belongs to another Dagster instance that works on the same data.
    is_old = time.time() - generation.changed_at > OLD_SECONDS
    return owner_has_ended(generation) or (run is None and is_old)
