"""All that Dagster needs of a fan-out, from its spec."""

import dagster as dg

from fanout_pipeline.defs import chunk_graph
from fanout_pipeline.defs.break_even_asset import break_even_asset
from fanout_pipeline.defs.chunk_graph import chunk_graph_asset
from fanout_pipeline.defs.comparison_asset import comparison_asset
from fanout_pipeline.defs.executors import timed_steps_executor
from fanout_pipeline.defs.jobs import fanout_jobs
from fanout_pipeline.defs.resources import default_resources
from fanout_pipeline.defs.strategy_assets import strategy_asset
from fanout_pipeline.defs.trials_asset import trials_asset
from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.suitability import unsuited


def fanout_definitions(*specs: FanoutSpec, baselines: bool = True) -> dg.Definitions:
    """A code location of these fan-outs, or a part of one (`dg.Definitions.merge`).

    For each the assets and the jobs `<name>_comparison_job` and `<name>_break_even_job`; for all the
    resources, and the executor that lets nothing run beside a timed step. Without `baselines` there are
    no assets for queue, indexed_queue and pool_map, which refuse runs with retries or a quarantine.
    """
    return dg.Definitions(
        assets=[asset for spec in specs for asset in fanout_assets(spec, baselines=baselines)],
        jobs=[job for spec in specs for job in fanout_jobs(spec.name)],
        resources=default_resources(),
        executor=timed_steps_executor,
    )


def fanout_assets(spec: FanoutSpec, *, baselines: bool = True) -> list[dg.AssetsDefinition]:
    """An asset for each strategy, with its checks, the comparison of them all, and the break-even.

    The reference runs first, so that the others find its results to be checked against, and the
    chunk steps last, when no other timed step is left to work beside them.
    """
    # What a function refers to may be large: it is looked at once for all.
    version = function_fingerprint(spec.function)
    batch_version = function_fingerprint(spec.batch_function) if spec.batch_function else version
    strategies = [
        strategy
        for strategy in STRATEGIES.values()
        if not unsuited(strategy, spec) and (baselines or not strategy.baseline)
    ]
    assets = [
        strategy_asset(
            spec,
            strategy,
            batch_version if strategy.batch else version,
            {"dagster/priority": str(-position)},
        )
        for position, strategy in enumerate(strategies)
    ]
    assets.append(chunk_graph_asset(spec, version, {"dagster/priority": str(-len(strategies))}))
    names = [strategy.name for strategy in strategies] + [chunk_graph.NAME]
    trials = trials_asset(spec, names, version)
    return [*assets, trials, comparison_asset(spec, names), break_even_asset(spec, version)]
