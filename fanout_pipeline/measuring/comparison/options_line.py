"""What a comparison comes down to, as a line of code."""

from __future__ import annotations

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.comparison.candidates import cold_ratio
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.verdict import STAY_SERIAL, Verdict
from fanout_pipeline.measuring.statistics.inference import Claim

_OF_WORKERS = ("threads", "multiprocess")
"""Strategies that take as many workers as they are told; others decide by themselves, or have one."""


def options_line(comparison: Comparison, verdict: Verdict) -> str | None:
    """The options to paste, as in `Options(strategy="threads", workers=8)`; None where nothing is recommended.

    In place of a way that is kept for comparison only stands the best that can be deployed.
    """
    if not verdict.trusted:
        return None
    if verdict.use == STAY_SERIAL:
        return f'Options(strategy="{comparison.reference}")'
    row = comparison.row(verdict.use)
    if row is None or not _can_be_deployed(row):
        faster = [one for one in comparison.rows if one.claim is Claim.FASTER and one.eligible]
        row = min(filter(_can_be_deployed, faster), key=cold_ratio, default=None)
    if row is None:
        return f'Options(strategy="{comparison.reference}")'
    how = f'strategy="{row.strategy}"'
    if row.strategy in _OF_WORKERS:
        how += f", workers={row.workers}"
    concurrency = comparison.run.options.get("concurrency")
    if row.strategy in STRATEGIES and STRATEGIES[row.strategy].awaits and concurrency:
        how += f", concurrency={concurrency}"
    return f"Options({how})"


def _can_be_deployed(row: Row) -> bool:
    return row.strategy in STRATEGIES and not STRATEGIES[row.strategy].baseline
