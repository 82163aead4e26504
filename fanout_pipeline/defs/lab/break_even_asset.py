"""`<name>/break_even`: a sweep over item counts and costs, measured in one step, plotted and reported."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.config.asset_config import BreakEvenConfig
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.lab.turn import own_turn
from fanout_pipeline.defs.shared.keys import upstream_keys
from fanout_pipeline.defs.shared.overlap import ALONE, TIMED
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.suitability import unsuited_baselines

if TYPE_CHECKING:
    from fanout_pipeline.measuring.break_even.grid import Grid
    from fanout_pipeline.measuring.break_even.measure import Findings

NAME = "break_even"


def break_even_asset(
    spec: FanoutSpec, version: str, pool: str | None = None, wiring: Wiring = EXAMPLE
) -> dg.AssetsDefinition:
    """The asset `<name>/break_even`; `version` is the function's (see `identity.code_version`)."""

    @dg.asset(
        key=[spec.name, NAME],
        description="The item count, and the cost of a call, from which each strategy beats serial: a "
        "sweep within a time budget, crossings with intervals, and a map of the fastest strategy. Adds "
        "to the timed runs of earlier materializations.",
        deps=list(upstream_keys(spec).values()),
        group_name=spec.name,
        kinds={"python", "matplotlib"},
        owners=["team:fanout"],
        code_version=version,
        op_tags={TIMED: ALONE},
        pool=pool,
        required_resource_keys=wiring.required,
        io_manager_key=wiring.io_manager_key,
    )
    def sweep(
        context: dg.AssetExecutionContext, config: BreakEvenConfig
    ) -> dg.MaterializeResult[None]:
        from fanout_pipeline.measuring.break_even.measure import (
            Settings,
            measure_break_even,
            runnable_grid,
        )
        from fanout_pipeline.measuring.extra import require_lab

        require_lab()
        folder = wiring.folder(context).path(spec.name, NAME)
        options = wiring.calls(context).timed_options()
        asked = [STRATEGIES[name] for name in config.strategies]
        for name, reason in unsuited_baselines(asked, spec, options).items():
            context.log.warning(f"{name} is left out. {reason}")
        grid = runnable_grid(spec, _grid(config), options)
        if grid.strategies[1:] == ():
            raise dg.Failure(
                f"There is nothing to compare with serial: none of the strategies {config.strategies} "
                f"suits the function of {spec.name}. Name others in `strategies`."
            )
        root = wiring.folder(context).path()
        with own_turn(root, f"{spec.name}/{NAME}", context.run.run_id, context.log.info):
            findings = measure_break_even(
                wiring.located(context, spec),
                folder,
                options,
                grid,
                Settings(config.budget_seconds, config.seed, config.fresh),
                context.log.info,
            )
        from fanout_pipeline.reporting.break_even_plots import lines_plot, winners_plot
        from fanout_pipeline.reporting.break_even_report import (
            break_even_markdown,
            sentences,
            write_break_even,
        )
        from fanout_pipeline.reporting.report import data_uri

        lines, winners = lines_plot(findings), winners_plot(findings)
        write_break_even(folder, findings, lines, winners)
        context.log.info("\n".join(sentences(findings)))
        page = break_even_markdown(findings, data_uri(lines), data_uri(winners))
        return dg.MaterializeResult(
            metadata=_metadata(findings)
            | {
                "report": dg.MetadataValue.md(page),
                "folder": dg.MetadataValue.path(str(folder.absolute())),
            }
        )

    return sweep


def _grid(config: BreakEvenConfig) -> "Grid":
    from fanout_pipeline.measuring.break_even.added_cost import Cost
    from fanout_pipeline.measuring.break_even.grid import Grid, log_counts, ordered_costs

    if config.smallest > config.largest:
        raise dg.Failure(
            f"`smallest` ({config.smallest:,}) is more than `largest` ({config.largest:,})."
        )
    return Grid(
        counts=log_counts(config.smallest, config.largest, config.per_decade),
        costs=ordered_costs(map(Cost.parsed, config.costs)),
        strategies=tuple(config.strategies),
        batch=frozenset(),
        repeats=config.repeats,
    )


def _metadata(findings: "Findings") -> dict[str, Any]:
    from fanout_pipeline.measuring.break_even.answers import FROM
    from fanout_pipeline.reporting.break_even_report import crossings_records

    metadata: dict[str, Any] = {
        "table": dg.MetadataValue.table(
            [dg.TableRecord(record) for record in crossings_records(findings)]
        ),
        "items": findings.answers.items,
        "workers": findings.workers,
        "best_workers": findings.scaling.best_workers or findings.scaling.sentence,
        "timed_runs": findings.taken,
        "earlier_timed_runs": findings.reused,
        "seconds": findings.seconds,
    }
    # Separate floats, so that the UI plots how each crossing moves.
    for (strategy, cost), crossing in findings.answers.by_items.items():
        if crossing.answer == FROM and not cost.seconds:
            metadata[f"{strategy}_from_items"] = crossing.value
    for asked, crossing in findings.answers.by_cost.items():
        if crossing.answer == FROM and crossing.value is not None:
            kind = "wait" if asked.waits else "burn"
            metadata[f"{asked.strategy}_from_{kind}_us"] = crossing.value * 1e6
    return metadata
