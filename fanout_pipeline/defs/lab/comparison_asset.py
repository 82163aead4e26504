"""`<name>/comparison`: the results of the trials, and the verdict."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.shared.metadata import plain_values
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import STRATEGIES

if TYPE_CHECKING:
    from fanout_pipeline.measuring.comparison.comparison import Comparison
    from fanout_pipeline.measuring.comparison.history import Earlier
    from fanout_pipeline.measuring.comparison.verdict import Verdict

_CHECKS = {
    "verdict_trusted": "There were enough trials, and the machine was quiet enough, for a verdict.",
    "verdict_unchanged": "The recommended strategy is that of the last trusted comparison.",
}


def comparison_asset(
    spec: FanoutSpec, strategies: Sequence[str], wiring: Wiring = EXAMPLE
) -> dg.AssetsDefinition:
    """The asset that compares the latest trials, and shows what the assets of these strategies recorded."""
    key = dg.AssetKey([spec.name, "comparison"])

    @dg.asset(
        key=key,
        description="Compares the strategies by their trials: times, ratios to serial with 95 % "
        "intervals, where the time went, and a verdict; as tables, plots, report.json, report.md "
        "and report.html. All strategies must have been materialized from the same input, apart from "
        "baselines that the trials did not run.",
        deps=[dg.AssetKey([spec.name, name]) for name in [*strategies, "trials"]],
        group_name=spec.name,
        kinds={"python", "matplotlib"},
        owners=["team:fanout"],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _CHECKS.items()
        ],
        required_resource_keys=wiring.required,
        io_manager_key=wiring.io_manager_key,
    )
    def comparison(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from fanout_pipeline.measuring.extra import require_lab

        require_lab()
        from fanout_pipeline.measuring.comparison.asset_record import AssetRecord
        from fanout_pipeline.measuring.comparison.compare import compare
        from fanout_pipeline.measuring.comparison.history import (
            changes,
            is_other_winner,
            keep_trusted,
            last_trusted,
        )
        from fanout_pipeline.measuring.comparison.options_line import options_line
        from fanout_pipeline.measuring.comparison.verdict import decide
        from fanout_pipeline.measuring.trials.store import load_trials
        from fanout_pipeline.reporting.plots import breakdown_plot, times_plot
        from fanout_pipeline.reporting.report import (
            data_uri,
            report_markdown,
            report_record,
            write_report,
        )
        from fanout_pipeline.reporting.tables import comparison_table

        data_folder = wiring.folder(context)
        # Only the file's name is used: whoever can report events could name any path, and trials in
        # another data root are of other data.
        file = Path(_recorded(context, spec, "trials")["path"]).name
        run, trials = load_trials(data_folder.path(spec.name, "trials", file))
        ran = {trial.strategy for trial in trials}
        recorded = [
            AssetRecord.from_metadata(name, _recorded(context, spec, name))
            for name in strategies
            if is_compared(name, ran, partial(_is_materialized, context, spec))
        ]
        compared = compare(run, trials, recorded)
        verdict = decide(compared, trials)
        folder = data_folder.path(spec.name, "comparison")
        earlier = last_trusted(folder, run.run_id)
        changed = changes(earlier, compared, verdict)
        pictures = {"times": times_plot(compared), "breakdown": breakdown_plot(compared)}
        write_report(folder, compared, verdict, changed, pictures)
        if verdict.trusted:
            keep_trusted(folder, report_record(compared, verdict, changed))
        context.log.info(f"{verdict.sentence}\n\n{comparison_table(compared, 'simple')}\n")
        if line := options_line(compared, verdict):
            context.log.info(f"What to write: {line}")
        for line in changed:
            context.log.info(f"Since the last trusted comparison: {line}")
        addresses = {name: data_uri(png) for name, png in pictures.items()}
        yield dg.MaterializeResult(
            metadata=_metadata(compared, verdict, changed)
            | {
                "report": dg.MetadataValue.md(
                    report_markdown(compared, verdict, changed, addresses)
                ),
                "folder": dg.MetadataValue.path(str(folder.absolute())),
            }
        )
        other = is_other_winner(earlier, compared, verdict)
        yield from _check(key, verdict, earlier, other)

    return comparison


def is_compared(
    strategy: str, ran: Collection[str], is_materialized: Callable[[str], bool]
) -> bool:
    """Whether a strategy's asset is compared with the trials of those that `ran`.

    A baseline is left out where it has no results, or where the trials did not run it (they say why): its
    results may then be of an earlier input or function.
    """
    if strategy not in STRATEGIES or not STRATEGIES[strategy].baseline:
        return True
    return strategy in ran and is_materialized(strategy)


def _is_materialized(context: dg.AssetExecutionContext, spec: FanoutSpec, name: str) -> bool:
    key = dg.AssetKey([spec.name, name])
    return context.instance.get_latest_materialization_event(key) is not None


def _recorded(context: dg.AssetExecutionContext, spec: FanoutSpec, name: str) -> dict[str, Any]:
    event = context.instance.get_latest_materialization_event(dg.AssetKey([spec.name, name]))
    if event is None or event.asset_materialization is None:
        raise dg.Failure(
            f"{spec.name}/{name} was never materialized on this instance (DAGSTER_HOME). "
            "Materialize it, then compare again."
        )
    return plain_values(event.asset_materialization.metadata)


def _check(
    key: dg.AssetKey, verdict: "Verdict", earlier: "Earlier | None", changed: bool
) -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="verdict_trusted",
        passed=verdict.trusted,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.sentence,
    )
    before = earlier.use if earlier else None
    if changed:
        text = f"The verdict has changed from {before} to {verdict.use}."
    elif before is None:
        text = "There is no earlier trusted verdict."
    elif not verdict.trusted:
        text = f"This verdict is withheld; the last trusted one was {before}."
    elif before != verdict.use:
        text = f"The verdict is {verdict.use}; {before}, the one before, may be as good."
    else:
        text = f"The verdict is {verdict.use}, as before."
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="verdict_unchanged",
        passed=not changed,
        severity=dg.AssetCheckSeverity.WARN,
        description=text,
    )


def _metadata(compared: "Comparison", verdict: "Verdict", changed: list[str]) -> dict[str, Any]:
    from fanout_pipeline.measuring.comparison.options_line import options_line
    from fanout_pipeline.reporting.tables import breakdown_records, comparison_records

    metadata: dict[str, Any] = {
        "verdict": verdict.use,
        "sentence": verdict.sentence,
        "trusted": dg.MetadataValue.bool(verdict.trusted),
        "grounds": _list(verdict.grounds),
        "changes": _list(changed or ["none"]),
        "table": _table(comparison_records(compared)),
        "breakdown": _table(breakdown_records(compared)),
        "items": compared.items,
        "rounds": compared.rounds,
        "options": options_line(compared, verdict) or "none",
        "machine": dg.MetadataValue.json(json.loads(json.dumps(compared.run.machine))),
    }
    if math.isfinite(compared.noise):
        metadata["noise"] = compared.noise
    if verdict.ratio is not None:
        metadata["verdict_ratio"] = verdict.ratio
    # Separate floats, so that the UI plots each strategy's history.
    for row in compared.rows:
        metadata[f"{row.strategy}_seconds"] = row.wall_seconds
        if row.ratio is not None:
            metadata[f"{row.strategy}_ratio"] = row.ratio
    return metadata


def _list(lines: Sequence[str]) -> dg.MarkdownMetadataValue:
    from fanout_pipeline.reporting.escape import markdown

    return dg.MetadataValue.md("\n".join(f"- {markdown(line)}" for line in lines))


def _table(records: list[dict[str, Any]]) -> dg.TableMetadataValue:
    rounded = [
        {key: round(value, 6) if isinstance(value, float) else value for key, value in one.items()}
        for one in records
    ]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in rounded])
