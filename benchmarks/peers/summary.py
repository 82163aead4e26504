"""What the trials of all workloads say: ratios to the plain loop, and ours to the best peer's."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers.contenders import OURS, REFERENCE
from benchmarks.peers.rounds import Measured
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.statistics.inference import RatioEstimate, claim

WAYS = ("cold", "warm")
_SECONDS = {"cold": "wall_seconds", "warm": "warm_seconds"}


@dataclass(frozen=True, slots=True)
class Best:
    """Ours and the quickest peer, by their medians, on one workload."""

    ours: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    ratio: RatioEstimate | None
    """Ours to the peer's, in the rounds that both took part in; None where there were none."""
    shown: str


def estimate(row: Row, way: str) -> RatioEstimate | None:
    return row.cold if way == "cold" else row.warm


def status(row: Row | None, name: str, one: Measured) -> str:
    """Why a contender has no number to be shown, or one that does not count; empty where it has."""
    if name in one.absent:
        return "absent"
    if name in one.comparison.run.failures:
        return "failed"
    if name in one.not_run:
        return "no time"
    if row is None:
        return ""
    if not row.in_order:
        return "out of order"
    return "" if row.correct else "wrong"


def best(one: Measured, way: str) -> Best | None:
    """None where either side has nothing right. The plain loop is nobody's."""
    rows = [
        row
        for row in one.comparison.rows
        if row.correct and row.strategy != REFERENCE and getattr(row, _SECONDS[way]) is not None
    ]
    by_side: list[Row] = []
    for side in (True, False):
        of_side = [row for row in rows if (row.strategy == OURS) is side]
        if not of_side:
            return None
        by_side.append(min(of_side, key=lambda row: float(getattr(row, _SECONDS[way]))))
    ours, peer = by_side
    ratio = PairedTrials(REFERENCE, one.trials).ratio(ours.strategy, peer.strategy, _SECONDS[way])
    shown = str(claim(ratio)) if ratio else "no common round"
    return Best(
        ours.strategy,
        peer.strategy,
        getattr(ours, _SECONDS[way]),
        getattr(peer, _SECONDS[way]),
        ratio,
        shown,
    )


def record_of(measured: Sequence[Measured], versions: dict[str, str]) -> dict[str, Any]:
    """Everything, for results.json."""
    return {
        "machine": measured[0].comparison.run.machine if measured else {},
        "versions": versions,
        "workloads": [_workload(one) for one in measured],
    }


def _workload(one: Measured) -> dict[str, Any]:
    bests = {way: best(one, way) for way in WAYS}
    return {
        "name": one.workload.name,
        "description": one.workload.description,
        "items": one.items,
        "rounds": one.comparison.rounds,
        "noise": _finite(one.comparison),
        "best": {way: found and asdict(found) for way, found in bests.items()},
        "contenders": [_contender(row, one) for row in one.comparison.rows],
        "absent": one.absent,
        "no_time": one.not_run,
        # Not what it has printed: that names folders of this machine.
        "failures": {
            name: why.partition("\n")[0] for name, why in one.comparison.run.failures.items()
        },
        "remarks": one.comparison.run.remarks,
    }


def _contender(row: Row, one: Measured) -> dict[str, Any]:
    trials = [trial for trial in one.trials if trial.strategy == row.strategy]
    return {
        "name": row.strategy,
        "ours": row.strategy == OURS,
        "trials": row.trials,
        "cold_seconds": row.wall_seconds,
        "cold_seconds_all": row.wall_seconds_all,
        "start_seconds": row.start_seconds,
        "warm_seconds": row.warm_seconds,
        "warm_seconds_all": [trial.warm_seconds for trial in trials],
        "import_seconds": statistics.median(one.import_seconds[row.strategy]),
        "cold": row.cold and asdict(row.cold),
        "warm": row.warm and asdict(row.warm),
        "efficiency_cold": row.efficiency,
        "efficiency_warm": row.warm and 1 / row.warm.ratio / row.workers,
        "shown": row.claim and str(row.claim),
        "correct": row.correct,
        "out_of_place": row.out_of_place,
        "missing": row.missing,
        "duplicated": row.duplicated,
        "wrong": row.wrong,
    }


def _finite(comparison: Comparison) -> float | None:
    return comparison.noise if comparison.noise != float("inf") else None
