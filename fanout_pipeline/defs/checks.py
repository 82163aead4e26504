"""The asset checks of a strategy: failures, and of all but the reference order, completeness, values.

They are evaluated in the step that makes the results, because reading these back is cheaper than a
step of its own; each records its numbers whether it passes or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fanout_pipeline.engine.model.run_record import RunRecord
    from fanout_pipeline.measuring.order_check import OrderCheck
    from fanout_pipeline.measuring.result_streams import Finding
    from fanout_pipeline.measuring.verification import Verification

FAILURES = "failures"
_DESCRIPTIONS = {
    "order": "The results stand in the order of the items.",
    "completeness": "There is one result for each item: none is missing, none is there twice.",
    "values": "Every result is one that the reference has.",
}


def failures_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check that every strategy's asset has, the reference, too."""
    text = (
        "The function failed on no item. Those on which it did are in _failures.parquet beside the "
        "results; a warning, and an error where they are more than the share set as failed_share."
    )
    return dg.AssetCheckSpec(FAILURES, asset=key, description=text)


def failures_result(key: dg.AssetKey, run: RunRecord, failed_share: float) -> dg.AssetCheckResult:
    """Warn where items are in quarantine; fail where these are more than `failed_share` of all."""
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
    """The three checks of one strategy's asset."""
    expected = "" if keeps_order else " Expected to fail here, as a warning: the article's point."
    return [
        dg.AssetCheckSpec(name, asset=key, description=text + (expected if name == "order" else ""))
        for name, text in _DESCRIPTIONS.items()
    ]


def check_results(
    key: dg.AssetKey, verification: Verification, keeps_order: bool
) -> Iterator[dg.AssetCheckResult]:
    """Pass or fail with the numbers. A lost order is a warning where the strategy loses it by design."""
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
        | {"out_of_place": check.out_of_place, "displaced": _shown(check.displaced)}
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
            "lost": _shown(check.lost),
            "repeated": _shown(check.repeated),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="values",
        # What the function itself does not agree on says nothing of the results.
        passed=check.wrong == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_values_sentence(verification),
        metadata=common
        | {
            "wrong": check.wrong,
            "foreign": _shown(check.foreign),
            "inexact": check.inexact,
            "largest_relative_difference": float(check.largest_difference),
        }
        | _contradiction(check),
    )


def unchecked_results(
    key: dg.AssetKey, reason: str, is_reference: bool
) -> Iterator[dg.AssetCheckResult]:
    """All checks as failed where results could not be looked at; the reference has only `failures`."""
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
        return (
            "Not known: results come in the order in which they arrive, and there is nothing that says "
            "whose they are."
        )
    by_index = "Proved from the chunks: each item's index is there once, in order."
    if check.contradiction is not None:
        return f"{by_index} The values cannot prove it: the function contradicts itself."
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
        " This is expected: each worker sends one list when it is done, and the lists are joined "
        "in the order in which they arrive. squares/indexed_queue shows the remedy."
    )


def _values_sentence(verification: Verification) -> str:
    from fanout_pipeline.measuring.determinism import told
    from fanout_pipeline.reporting.escape import markdown

    check = verification.check
    if check.contradiction is not None:
        return markdown(told(check.contradiction))
    if verification.asked and not verification.compared:
        return f"Compared nothing, though that was asked for: {verification.against}."
    if not verification.compared:
        return (
            "Compared nothing: serial has no results of this input and function. Materialize it, or "
            "set `fanout: {verify: 0.01}` to have one item of a hundred called again."
        )
    text = f"{check.wrong:,} wrong"
    if check.inexact:
        text += (
            f", {check.inexact:,} inexact: they differ in the last digits, by "
            f"{check.largest_difference:.1g} of their value at most, which is within the tolerance"
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


def _shown(findings: tuple[Finding, ...]) -> dg.JsonMetadataValue:
    return dg.MetadataValue.json([{"index": f.index, "value": f.value} for f in findings])
