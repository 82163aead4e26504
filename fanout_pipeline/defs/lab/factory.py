"""Everything that Dagster needs of a fan-out, made from its spec."""

import dagster as dg

from fanout_pipeline.defs.assets import chunk_graph
from fanout_pipeline.defs.assets.chunk_graph import chunk_graph_asset
from fanout_pipeline.defs.assets.strategy_asset import strategy_asset
from fanout_pipeline.defs.config.dagster_executors import timed_steps_executor
from fanout_pipeline.defs.config.resources import default_resources
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.lab.break_even_asset import break_even_asset
from fanout_pipeline.defs.lab.comparison_asset import comparison_asset
from fanout_pipeline.defs.lab.jobs import fanout_jobs
from fanout_pipeline.defs.lab.trials_asset import trials_asset
from fanout_pipeline.engine.functions.identity import code_version
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.suitability import unsuited, unsuited_baselines
from fanout_pipeline.sources.compressed import needs_spool


def fanout_definitions(
    *specs: FanoutSpec, baselines: bool = True, pool: str | None = None
) -> dg.Definitions:
    """A code location with these fan-outs, complete or to be merged (`dg.Definitions.merge`).

    Each fan-out has its assets and the jobs `<name>_comparison_job` and `<name>_break_even_job`. They share
    the resources, and the executor that lets nothing run beside a timed step. With `baselines=False` there are no assets
    for queue, indexed_queue and pool_map, which refuse runs with retries or a quarantine. Every step that calls
    the function takes a slot of the `pool`, which limits them across runs.
    """
    return dg.Definitions(
        assets=[
            asset for spec in specs for asset in fanout_assets(spec, baselines=baselines, pool=pool)
        ],
        jobs=[job for spec in specs for job in fanout_jobs(spec.name)],
        resources=default_resources(),
        executor=timed_steps_executor,
    )


def fanout_assets(
    spec: FanoutSpec,
    *,
    baselines: bool = True,
    pool: str | None = None,
    options: Options | None = None,
    wiring: Wiring = EXAMPLE,
) -> list[dg.AssetsDefinition]:
    """An asset for each strategy, with its checks, and the trials, the comparison and the break-even.

    The reference runs first, so that the others are checked against its results. The chunk steps run
    last, when no timed step is left that they could slow down; there are none of a source that cannot be cut
    before it is read. Nor are there any of baselines that refuse these `options`.
    """
    # Computed once, because a function may refer to large data.
    version = code_version(spec, spec.function)
    batch_version = code_version(spec, spec.batch_function) if spec.batch_function else version
    both = " ".join(dict.fromkeys([version, batch_version]))  # auto may call either
    strategies = [
        strategy
        for strategy in STRATEGIES.values()
        if not unsuited(strategy, spec) and (baselines or not strategy.baseline)
    ]
    if options is not None:
        refused = unsuited_baselines(strategies, spec, options)
        strategies = [strategy for strategy in strategies if strategy.name not in refused]
    assets = [
        strategy_asset(
            spec,
            strategy,
            both if strategy.grows else batch_version if strategy.batch else version,
            {"dagster/priority": str(-position)},
            pool,
            wiring,
        )
        for position, strategy in enumerate(strategies)
    ]
    names = [strategy.name for strategy in strategies]
    if not needs_spool(spec.source):
        last = {"dagster/priority": str(-len(strategies))}
        assets.append(chunk_graph_asset(spec, version, last, pool, wiring))
        names.append(chunk_graph.NAME)
    trials = trials_asset(spec, names, version, pool, wiring)
    comparison = comparison_asset(spec, names, wiring)
    return [*assets, trials, comparison, break_even_asset(spec, version, pool, wiring)]
