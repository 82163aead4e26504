"""Asset checks of a strategy: `failures`, and unless it is the reference, order, completeness and values.

They are evaluated in the step that makes the results, because reading these back costs less than a step
of its own. Each check records its numbers whether it passes or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord
    from fanout_pipeline.measuring.correctness.order_check import OrderCheck
    from fanout_pipeline.measuring.correctness.result_streams import Finding
    from fanout_pipeline.measuring.correctness.verification import Verification

FAILURES = "failures"
_DESCRIPTIONS = {
    "order": "The results are in the order of the items.",
    "completeness": "There is one result for each item: none is missing, and none is duplicated.",
    "values": "Every result is among those of the reference.",
}


def failures_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of every strategy's asset, that of the reference included."""
    text = (
        "The function failed on no item. Failed items are listed in _failures.parquet beside the results. "
        "They are a warning, or an error if their share exceeds failed_share."
    )
    return dg.AssetCheckSpec(FAILURES, asset=key, description=text)


def failures_result(key: dg.AssetKey, run: RunRecord, failed_share: float) -> dg.AssetCheckResult:
    """A warning where items are in quarantine, an error where their share exceeds `failed_share`."""
    share = run.failed / run.items if run.items else 0.0
    severity = dg.AssetCheckSeverity
    text = f"{run.failed:,} of {run.items:,} items failed"
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=FAILURES,
        passed=run.failed == 0,
        severity=severity.ERROR if share > failed_share else severity.WARN,
        description=f"{text} ({share:.2%})." if run.failed else f"{text}.",
        metadata={
            "failed": run.failed,
            "items": run.items,
            "share": share,
            "failed_share": failed_share,
        },
    )


def check_specs(key: dg.AssetKey, keeps_order: bool) -> list[dg.AssetCheckSpec]:
    """The checks of a strategy's asset against the reference."""
    expected = (
        ""
        if keeps_order
        else " Expected to fail here, as a warning: this strategy loses the order by design."
    )
    return [
        dg.AssetCheckSpec(name, asset=key, description=text + (expected if name == "order" else ""))
        for name, text in _DESCRIPTIONS.items()
    ]


def check_results(
    key: dg.AssetKey, verification: Verification, keeps_order: bool
) -> Iterator[dg.AssetCheckResult]:
    """Results of these checks. A lost order is only a warning where the strategy loses it by design."""
    check = verification.check
    common: dict[str, Any] = {
        "items": check.items,
        "expected_items": check.expected_items,
        "checked_against": verification.against,
        "compared": verification.values,
    }
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="order",
        passed=check.in_order,
        severity=dg.AssetCheckSeverity.ERROR if keeps_order else dg.AssetCheckSeverity.WARN,
        description=_order_sentence(verification, keeps_order),
        metadata=common
        | {"out_of_place": check.out_of_place, "displaced": _findings(check.displaced)}
        | _divergence(check),
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="completeness",
        passed=check.complete,
        description=f"{check.missing:,} missing, {check.duplicated:,} duplicated.",
        metadata=common
        | {
            "missing": check.missing,
            "duplicated": check.duplicated,
            "lost": _findings(check.lost),
            "repeated": _findings(check.repeated),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="values",
        # Values that a repeated call of the function does not give again prove nothing about the results.
        passed=check.wrong == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_values_sentence(verification),
        metadata=common
        | {
            "wrong": check.wrong,
            "foreign": _findings(check.foreign),
            "inexact": check.inexact,
            "largest_relative_difference": float(check.largest_difference),
        }
        | _contradiction(check),
    )


def unchecked_results(
    key: dg.AssetKey, reason: str, is_reference: bool
) -> Iterator[dg.AssetCheckResult]:
    """All checks as failed, where results could not be read; the reference has only `failures`."""
    from fanout_pipeline.reporting.escape import markdown

    for name in [FAILURES] if is_reference else _DESCRIPTIONS:
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=markdown(reason),
        )


def _order_sentence(verification: Verification, keeps_order: bool) -> str:
    check = verification.check
    if not check.order_proved:
        return "Unknown: results are in order of arrival, and carry nothing that identifies their items."
    by_index = "Proved from the chunks: each item's index occurs once, in order."
    if check.contradiction is not None:
        return f"{by_index} The values cannot prove it: the function gives different results for the same item."
    if not verification.compared:
        return f"{by_index} No values were compared."
    if check.in_order:
        return "All results are in the order of the items."
    from fanout_pipeline.reporting.escape import markdown

    found, expected = markdown(check.found_there), markdown(check.expected_there)
    text = (
        f"{check.out_of_place:,} of {check.items:,} results are out of place, the first at index "
        f"{check.first_divergent_index}: {found} instead of {expected}."
    )
    if keeps_order:
        return text
    return text + (
        " This is expected: each worker sends one list when it is done, and the lists are joined in the "
        "order in which they arrive. The strategy indexed_queue shows the remedy."
    )


def _values_sentence(verification: Verification) -> str:
    from fanout_pipeline.reporting.escape import markdown

    check = verification.check
    if check.contradiction is not None:
        return markdown(check.contradiction.sentence)
    if verification.asked and not verification.compared:
        return f"No values were compared, although that was configured: {verification.against}."
    if not verification.compared:
        return (
            "No values were compared: serial has no results of this input and function. Materialize it, "
            "or set `fanout: {verify: 0.01}` to have one item in a hundred called again."
        )
    text = f"{check.wrong:,} wrong"
    if check.inexact:
        text += (
            f", {check.inexact:,} inexact: they differ in the last digits, by at most "
            f"{check.largest_difference:.1g} of their value, which is within the tolerance"
        )
    return f"{text}."


def _contradiction(check: OrderCheck) -> dict[str, Any]:
    if check.contradiction is None:
        return {}
    return {"contradiction": dg.MetadataValue.json(asdict(check.contradiction))}


def _divergence(check: OrderCheck) -> dict[str, Any]:
    if check.first_divergent_index is None:
        return {}
    return {
        "first_divergent_index": check.first_divergent_index,
        "expected_there": check.expected_there,
        "found_there": check.found_there,
    }


def _findings(findings: tuple[Finding, ...]) -> dg.JsonMetadataValue:
    return dg.MetadataValue.json([{"index": f.index, "value": f.value} for f in findings])
