"""What has changed since the last comparison whose verdict was trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.measuring.formatting import factor_digits
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.results.files.atomic import write_text

LAST_TRUSTED = "last_trusted.json"
_NOTABLE = 1.5
"""A change of the call's cost is mentioned from this factor on, as it is not paired with a reference."""
_CONDITIONS = {
    "function_fingerprint": "The function, or what it depends on, has changed.",
    "input_sha256": "The input has changed.",
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last trusted comparison, as its report.json has it."""

    report: dict[str, Any]

    @property
    def use(self) -> str:
        return str(self.report["verdict"]["use"])


def last_trusted(folder: Path, run_id: str) -> Earlier | None:
    """The last one kept that is not of this run; None where there is none that this version can read."""
    kept = [report for report in _kept(folder) if report["run"]["run_id"] != run_id]
    return Earlier(kept[-1]) if kept else None


def keep_trusted(folder: Path, report: dict[str, Any]) -> None:
    """Keep a trusted report for later comparisons, and the one before it.

    The one before is needed when the same trials are compared again.
    """
    others = [one for one in _kept(folder) if one["run"]["run_id"] != report["run"]["run_id"]]
    write_text(folder / LAST_TRUSTED, json.dumps([*others[-1:], report]) + "\n")


def _kept(folder: Path) -> list[dict[str, Any]]:
    try:
        reports = json.loads((folder / LAST_TRUSTED).read_text())
        return [
            one for one in reports if one["verdict"]["use"] and one["strategies"] and one["run"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def changes(earlier: Earlier | None, comparison: Comparison, verdict: Verdict) -> list[str]:
    """Sentences; none where nothing changed by more than chance, or there is no earlier comparison."""
    return list(_changes(earlier.report, comparison, verdict)) if earlier else []


def _changes(before: dict[str, Any], comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    if verdict.trusted and verdict.use != before["verdict"]["use"]:
        yield f"The verdict went from {before['verdict']['use']} to {verdict.use}."
    for row in comparison.rows:
        was = before["strategies"].get(row.strategy)
        if was is None or row.cold is None or row.cold.low is None or row.cold.high is None:
            continue
        interval = was.get("ratio_ci95")
        if interval and (row.cold.low > interval[1] or row.cold.high < interval[0]):
            yield (
                f"{row.strategy} went from {was['ratio']:.2f} to {row.cold.ratio:.2f} times the time "
                f"of {comparison.reference}."
            )
    run = comparison.run
    cost = _call_cost(before, comparison)
    if cost:
        same = before["run"]["function_fingerprint"] == run.function_fingerprint
        yield f"{cost}, though the function is the same." if same else f"{cost}."
    if before["items"] != comparison.items:
        yield f"The number of items went from {before['items']:,} to {comparison.items:,}."
    for field, sentence in _CONDITIONS.items():
        if before["run"][field] != getattr(run, field):
            yield sentence
    if machine_sentence(before["machine"]) != machine_sentence(run.machine):
        yield f"The machine was a different one: {machine_sentence(before['machine'])}."


def _call_cost(before: dict[str, Any], comparison: Comparison) -> str | None:
    reference = before["strategies"].get(comparison.reference)
    now = comparison.rows[0].phases.get("call", 0.0) / max(1, comparison.items)
    was = ((reference or {}).get("phases") or {}).get("call", 0.0) / max(1, before["items"])
    if not now or not was or 1 / _NOTABLE < now / was < _NOTABLE:
        return None
    verb = "fell" if now < was else "rose"
    return f"The cost of a call {verb} by a factor of {factor_digits(max(now / was, was / now))}"
