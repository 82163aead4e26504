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
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
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
    spec: FanoutSpec,
    version: str,
    tags: dict[str, str],
    pool: str | None = None,
    wiring: Wiring = EXAMPLE,
) -> dg.AssetsDefinition:
    """The asset `<name>/dagster_multiprocess`. Its steps have `tags` in addition to those that they need.

    `version` is the function's (see `identity.code_version`). Each step that calls it takes a slot of the `pool`.
    """
    key = dg.AssetKey([spec.name, NAME])
    checks = [*check_specs(key, keeps_order=True), failures_spec(key)]
    io_manager: dict[str, Any] = {}
    if wiring.io_manager_key is not None:
        io_manager["io_manager_key"] = wiring.io_manager_key
    outs = {check.get_python_identifier(): dg.Out(**io_manager) for check in checks}
    upstream = upstream_keys(spec)

    def joined_run(context: dg.OpExecutionContext) -> "ScatteredRun":
        from fanout_pipeline.engine.scattered.scattered import ScatteredRun

        fanout = wiring.calls(context)
        return ScatteredRun.join(
            NAME,
            wiring.located(context, spec),
            wiring.folder(context).path(spec.name, NAME),
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
        out=dg.DynamicOut(io_manager_key=wiring.values_key),
        tags=tags | {TIMED: ALONE},
        required_resource_keys=wiring.required,
    )
    def scatter_op(
        context: dg.OpExecutionContext,
    ) -> Iterator[dg.DynamicOutput[list[int]]]:
        from fanout_pipeline.engine.suitability import not_applied

        if wiring.calls(context).item_timeout_seconds is not None:
            context.log.warning(not_applied("item_timeout_seconds", NAME))
        chunks = joined_run(context).scatter()
        context.log.info(f"{len(chunks)} chunks, one step each")
        for chunk in chunks:
            yield dg.DynamicOutput([chunk.start, chunk.stop], str(chunk.number))

    @dg.op(
        name=f"{spec.name}_chunk",
        description="Reads one chunk, calls the function on its items and writes the part.",
        out=dg.Out(io_manager_key=wiring.values_key),
        tags=tags | {TIMED: CHUNK, "dagster/priority": "1"},
        pool=pool,
        required_resource_keys=wiring.required,
    )
    def chunk_op(context: dg.OpExecutionContext, bounds: list[int]) -> dict[str, Any]:
        from fanout_pipeline.defs.assets.chunk_json import ANSWER

        answer = joined_run(context).run_chunk(*bounds)
        recorded: dict[str, Any] = ANSWER.dump_python(answer, mode="json")
        return recorded

    @dg.op(
        name=f"{spec.name}_gather",
        description="Runs the chunks that no step has run, puts the parts in the order of the chunks, "
        "makes them visible and checks them.",
        out={"result": dg.Out(dg.Nothing, **io_manager), **outs},
        tags=tags | {TIMED: ALONE, "dagster/priority": "1"},
        pool=pool,
        required_resource_keys=wiring.required,
    )
    def gather_op(context: dg.OpExecutionContext, answers: list[dict[str, Any]]) -> Iterator[Any]:
        from fanout_pipeline.defs.assets.chunk_json import ANSWER

        scattered = joined_run(context)
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
        yield from checked_and_recorded(finished, wiring.calls(context), context.log)

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
