"""What has changed since the last comparison whose verdict was trusted."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.measuring.formatting import factor_digits
from fanout_pipeline.measuring.statistics.inference import (
    MIN_SESSIONS,
    RUN_TO_RUN,
    Claim,
    RatioEstimate,
    claims,
)
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.results.files.atomic import write_text

LAST_TRUSTED = "last_trusted.json"
_KEPT = 10
_RUNS_FOR_SPREAD = 4
_OF_NORMAL = 1.96
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

    run_to_run: float = RUN_TO_RUN
    """By how much the logarithms of ratios deviate from run to run: of those kept, or what is usual."""

    @property
    def use(self) -> str:
        return str(self.report["verdict"]["use"])


def last_trusted(folder: Path, run_id: str) -> Earlier | None:
    """The last one kept that is not of this run; None where there is none that this version can read."""
    kept = [report for report in _kept(folder) if report["run"]["run_id"] != run_id]
    return Earlier(kept[-1], _run_to_run(kept)) if kept else None


def keep_trusted(folder: Path, report: dict[str, Any]) -> None:
    """Keep a trusted report for later comparisons, and those before it.

    The one before is needed when the same trials are compared again, the others for their spread.
    """
    others = [one for one in _kept(folder) if one["run"]["run_id"] != report["run"]["run_id"]]
    write_text(folder / LAST_TRUSTED, json.dumps([*others[1 - _KEPT :], report]) + "\n")


def _run_to_run(reports: list[dict[str, Any]]) -> float:
    """The spread of the ratios of one function, input and machine, where there are enough of them."""
    last = reports[-1]
    same = [
        one["strategies"]
        for one in reports
        if one["machine"] == last["machine"]
        and all(one["run"][name] == last["run"][name] for name in _CONDITIONS)
    ]
    squares = []
    for strategy in last["strategies"]:
        logs = [math.log(one[strategy]["ratio"]) for one in same if _has_interval(one, strategy)]
        if len(logs) >= _RUNS_FOR_SPREAD:
            squares.append(statistics.variance(logs))
    return math.sqrt(statistics.fmean(squares)) if squares else RUN_TO_RUN


def _has_interval(strategies: dict[str, Any], strategy: str) -> bool:
    return bool((strategies.get(strategy) or {}).get("ratio_ci95"))


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
    return list(_changes(earlier, comparison, verdict)) if earlier else []


def is_other_winner(earlier: Earlier | None, comparison: Comparison, verdict: Verdict) -> bool:
    """Whether what was to be used is now shown to take longer than what is, by more than runs differ."""
    if earlier is None or not verdict.trusted or earlier.use == verdict.use:
        return False
    was, now = comparison.row(earlier.use), comparison.row(verdict.use)
    (low, _), (_, high) = (_ends(row) for row in (was, now))
    between = earlier.run_to_run if comparison.sessions < MIN_SESSIONS else 0.0
    return low / high > math.exp(2 * between)


def _ends(row: Row | None) -> tuple[float, float]:
    """The interval of its ratio; without one it is serial, or has become so bad that it was not compared."""
    if row is None or row.cold is None:
        return 1.0, 1.0
    return row.cold.low or row.cold.ratio, row.cold.high or row.cold.ratio


def _moved(earlier: Earlier, row: Row) -> RatioEstimate | None:
    """The ratio in relation to the earlier one, if it has an interval now and had one then."""
    if row.cold is None or not _has_interval(earlier.report["strategies"], row.strategy):
        return None
    was = earlier.report["strategies"][row.strategy]
    now, then = _ends(row), was["ratio_ci95"]
    between = 0.0 if min(row.cold.sessions, was.get("sessions", 1)) > 1 else earlier.run_to_run
    errors = [math.log(high / low) / 2 / _OF_NORMAL for low, high in (now, then)]
    error = math.hypot(*errors, between, between) or math.inf
    apart = row.cold.ratio / was["ratio"]
    p_value = math.erfc(abs(math.log(apart)) / error / math.sqrt(2))
    return RatioEstimate(row.cold.rounds, apart, None, None, p_value, ())


def _changes(earlier: Earlier, comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    before = earlier.report
    if is_other_winner(earlier, comparison, verdict):
        yield f"The verdict went from {earlier.use} to {verdict.use}."
    moved = {row.strategy: found for row in comparison.rows if (found := _moved(earlier, row))}
    for strategy, shown in claims(moved).items():
        if shown in (Claim.FASTER, Claim.SLOWER):
            was = before["strategies"][strategy]["ratio"]
            yield (
                f"{strategy} went from {was:.2f} to {was * moved[strategy].ratio:.2f} times the time "
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
