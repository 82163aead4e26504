"""`<name>/comparison`: what the strategies recorded, side by side."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from fanout_pipeline.defs.metadata import plain_values
from fanout_pipeline.defs.resources import DataFolder
from fanout_pipeline.fanout.contract import FanoutSpec
from fanout_pipeline.fanout.registry import REFERENCE
from fanout_pipeline.measuring.comparison import Comparison, Measured, compare, sentence
from fanout_pipeline.measuring.machine import machine_record
from fanout_pipeline.measuring.verdict import Verdict, decide
from fanout_pipeline.reporting.report import (
    ARTICLE_STRATEGY,
    data_uri,
    report_markdown,
    write_report,
)
from fanout_pipeline.reporting.tables import comparison_records, comparison_table


def comparison_asset(spec: FanoutSpec, strategies: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that compares the latest materializations of `strategies`."""

    @dg.asset(
        key=[spec.name, "comparison"],
        description="Compares the strategies: times, ratios to serial, order, completeness; as a "
        "table, a plot, report.json and report.md. Needs all of them made from the same input.",
        deps=[dg.AssetKey([spec.name, strategy]) for strategy in [*strategies, "trials"]],
        group_name=spec.name,
        kinds={"python", "matplotlib"},
        owners=["team:fanout"],
    )
    def comparison(
        context: dg.AssetExecutionContext, data_folder: DataFolder
    ) -> dg.MaterializeResult[None]:
        from fanout_pipeline.reporting.plots import times_plot

        measured = [_recorded(context, spec, strategy) for strategy in strategies]
        compared = compare(spec.name, REFERENCE, measured)
        verdict, machine, plot = decide(compared), machine_record(), times_plot(compared)
        folder = data_folder.path(spec.name, "comparison")
        write_report(folder, compared, verdict, machine, plot)
        context.log.info(
            f"{sentence(compared, ARTICLE_STRATEGY)} Verdict: {verdict.use}, as {verdict.reason}."
            f"\n\n{comparison_table(compared, 'simple')}\n"
        )
        page = report_markdown(compared, verdict, machine, data_uri(plot))
        return dg.MaterializeResult(
            metadata=_metadata(compared, verdict)
            | {
                "report": dg.MetadataValue.md(page),
                "folder": dg.MetadataValue.path(str(folder.absolute())),
            }
        )

    return comparison


def _recorded(context: dg.AssetExecutionContext, spec: FanoutSpec, strategy: str) -> Measured:
    event = context.instance.get_latest_materialization_event(dg.AssetKey([spec.name, strategy]))
    if event is None or event.asset_materialization is None:
        raise dg.Failure(
            f"{spec.name}/{strategy} was never materialized on this instance (DAGSTER_HOME): "
            "materialize it, then compare again."
        )
    return Measured.from_metadata(strategy, plain_values(event.asset_materialization.metadata))


def _metadata(compared: Comparison, verdict: Verdict) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "sentence": sentence(compared, ARTICLE_STRATEGY),
        "verdict": verdict.use,
        "reason": verdict.reason,
        "table": dg.MetadataValue.table(
            [dg.TableRecord(record) for record in comparison_records(compared)]
        ),
        "items": compared.items,
    }
    # Floats of their own, so that the UI draws each strategy's history.
    for row in compared.rows:
        metadata[f"{row.measured.strategy}_seconds"] = row.measured.wall_seconds
        if row.ratio is not None:
            metadata[f"{row.measured.strategy}_ratio"] = row.ratio
    return metadata
