"""What report.json holds. Others rely on its fields: add some, but rename none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.descriptions import strategy_sentence
from fanout_pipeline.measuring.comparison.options_line import options_line
from fanout_pipeline.measuring.comparison.slowdown_reasons import slowdown_reasons
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.measuring.statistics.inference import RatioEstimate


def report_record(
    comparison: Comparison, verdict: Verdict, changes: Sequence[str]
) -> dict[str, Any]:
    """The whole record, ready for JSON: what is unknown or not finite is null."""
    run = asdict(comparison.run)
    kept = (
        "run_id", "began", "function", "function_fingerprint", "input_sha256", "options", "remarks",
        "failures", "contradiction", "other_load", "sample",
    )  # fmt: skip
    record = {
        "name": comparison.name,
        "items": comparison.items,
        "reference": comparison.reference,
        "strategies": {row.strategy: _strategy(comparison, row) for row in comparison.rows},
        "verdict": asdict(verdict) | {"sentence": verdict.sentence},
        "control": _control(comparison),
        "reasons": slowdown_reasons(comparison),
        "changes": changes,
        "options": options_line(comparison, verdict),
        "run": {name: run[name] for name in kept},
        "machine": run["machine"],
    }
    return {name: _json(value) for name, value in record.items()}


def _strategy(comparison: Comparison, row: Row) -> dict[str, Any]:
    cold, warm = row.cold, row.warm
    asset = next((one for one in comparison.recorded if one.strategy == row.strategy), None)
    return {
        "sentence": strategy_sentence(comparison, row.strategy),
        "wall_seconds": row.wall_seconds,
        "wall_seconds_all": row.wall_seconds_all,
        "start_seconds": row.start_seconds,
        "warm_seconds": row.warm_seconds,
        "items_per_second": row.items_per_second,
        "ratio": row.ratio,
        "ratio_ci95": _interval(cold),
        "p_value": cold.p_value if cold else None,
        "shown": row.claim,
        "failure": row.failure,
        "warm_ratio": warm.ratio if warm else None,
        "warm_ratio_ci95": _interval(warm),
        "speedup": row.speedup,
        "efficiency": row.efficiency,
        "trials": row.trials,
        "rounds": cold.rounds if cold else comparison.rounds,
        "sessions": cold.sessions if cold else comparison.sessions,
        "unsteady": cold.unsteady if cold else "",
        "outliers": cold.outliers if cold else (),
        "workers": row.workers,
        "start_method": row.start_method,
        "batch": row.batch,
        "in_order": row.in_order,
        "out_of_place": row.out_of_place,
        "missing": row.missing,
        "duplicated": row.duplicated,
        "wrong": row.wrong,
        "inexact": row.inexact,
        "largest_relative_difference": row.largest_difference,
        "digest": row.digest,
        "phases": row.phases,
        "phases_wall_seconds": row.phases_wall_seconds,
        "sent_bytes": row.sent_bytes,
        "pickle_seconds": row.pickle_seconds,
        "overlapped_with": asset.overlapped_with if asset else [],
        "choice": row.why or None,
    }


def _control(comparison: Comparison) -> dict[str, Any] | None:
    control = comparison.control
    if control is None:
        return None
    return {
        "ratio": control.ratio,
        "ratio_ci95": _interval(control),
        "noise": comparison.noise,
        "rounds": control.rounds,
    }


def _interval(estimate: RatioEstimate | None) -> list[float] | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return [estimate.low, estimate.high]


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
