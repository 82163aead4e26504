"""The strategies that may be recommended."""

from __future__ import annotations

from fanout_pipeline.engine.registry import AUTO
from fanout_pipeline.measuring.comparison.comparison import Comparison, Row


def candidates(comparison: Comparison) -> tuple[Row | None, list[Row]]:
    """Those with a ratio and right results: `auto`, if it is one, and the others.

    It chooses among ways that the others are, so chance may put it before or behind the one that it has chosen.
    """
    rows = [row for row in comparison.rows if row.cold is not None and row.eligible]
    auto = next((row for row in rows if row.strategy == AUTO), None)
    return auto, [row for row in rows if row is not auto]


def cold_ratio(row: Row) -> float:
    assert row.cold is not None
    return row.cold.ratio
