"""An asset for each strategy of the registry: runs it, checks the results, records both."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from fanout_pipeline.defs.assets.checks import check_specs, failures_spec
from fanout_pipeline.defs.assets.recording import FinishedRun, checked_and_recorded
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.shared.keys import depends_on_metadata, upstream_keys
from fanout_pipeline.defs.shared.overlap import ALONE, TIMED, overlapping_steps
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.registry import REFERENCE


def strategy_asset(
    spec: FanoutSpec,
    strategy: Strategy,
    version: str,
    tags: dict[str, str],
    pool: str | None = None,
    wiring: Wiring = EXAMPLE,
) -> dg.AssetsDefinition:
    """The asset `<name>/<strategy>`. Its step has `tags` in addition to those that it needs.

    `version` is that of the function that the strategy calls. The step takes a slot of the `pool`.
    """
    key = dg.AssetKey([spec.name, strategy.name])
    is_reference = strategy.name == REFERENCE

    @dg.asset(
        key=key,
        description=strategy.description,
        deps=list(upstream_keys(spec).values()),
        group_name=spec.name,
        kinds={"python", "pandas" if strategy.batch else "parquet"},
        owners=["team:fanout"],
        metadata=depends_on_metadata(spec),
        code_version=version,
        check_specs=[
            *([] if is_reference else check_specs(key, strategy.keeps_order)),
            failures_spec(key),
        ],
        op_tags=tags | {TIMED: ALONE},
        pool=pool,
        required_resource_keys=wiring.required,
        io_manager_key=wiring.io_manager_key,
    )
    def run_and_check(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from fanout_pipeline.engine.run import run_strategy

        fanout, located_spec = wiring.calls(context), wiring.located(context, spec)
        folder = wiring.folder(context).path(spec.name, strategy.name)
        began = time.time()
        options = fanout.options()
        run = run_strategy(
            strategy,
            located_spec,
            folder,
            options,
            log=context.log.info,
            ledger=not strategy.baseline,
            # The default of `resume` is for those that can.
            resume=fanout.resume and not strategy.baseline,
            who=f"run {context.run.run_id}",
        )
        overlaps = overlapping_steps(
            context.op_execution_context, spec.name, strategy.name, began, time.time()
        )
        context.log.info(
            f"{strategy.name}: {run.items:,} items in {run.wall_seconds:.3f} s "
            f"({run.start_seconds:.3f} s of it starting workers), {run.chunks} chunks, "
            f"{run.workers} workers. Checking order and completeness."
        )
        finished = FinishedRun(
            key=key,
            spec=located_spec,
            folder=folder,
            record=run,
            failures=options.failures,
            keeps_order=strategy.keeps_order,
            overlapped_with=overlaps,
        )
        yield from checked_and_recorded(finished, fanout, context.log)

    return run_and_check
