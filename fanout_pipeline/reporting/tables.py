"""The comparison as rows: for the UI's table, for Markdown and for the terminal."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from fanout_pipeline.measuring.comparison import Comparison

_HEADERS = {
    "strategy": "strategy",
    "seconds": "seconds",
    "ratio": "ratio",
    "items_per_second": "items/s",
    "efficiency": "efficiency",
    "workers": "workers",
    "in_order": "in order",
    "missing": "missing",
    "duplicated": "duplicated",
    "wrong": "wrong",
}


def comparison_records(comparison: Comparison) -> list[dict[str, Any]]:
    """One record a strategy, fastest first; ratio and efficiency are None without items."""
    records = [
        {
            "strategy": row.measured.strategy,
            "seconds": round(row.measured.wall_seconds, 4),
            "ratio": None if row.ratio is None else round(row.ratio, 3),
            "items_per_second": round(row.items_per_second),
            "efficiency": None if row.efficiency is None else round(row.efficiency, 3),
            "workers": row.measured.workers,
            "in_order": row.measured.in_order,
            "missing": row.measured.missing,
            "duplicated": row.measured.duplicated,
            "wrong": row.measured.wrong,
        }
        for row in comparison.rows
    ]
    return sorted(records, key=lambda record: record["seconds"])


def comparison_table(comparison: Comparison, style: str = "github") -> str:
    """The records as text: "github" for Markdown, "simple" for a terminal."""
    shown = [
        [_cell(name, record[name]) for name in _HEADERS]
        for record in comparison_records(comparison)
    ]
    left = ("left",)
    right = ("right",) * (len(_HEADERS) - 1)
    return tabulate(
        shown,
        headers=list(_HEADERS.values()),
        tablefmt=style,
        colalign=left + right,
        disable_numparse=True,
    )


def first_results_table(comparison: Comparison) -> str:
    """The first results of each strategy side by side, as the article prints them."""
    columns = {row.measured.strategy: row.measured.first_10_results for row in comparison.rows}
    longest = max(map(len, columns.values()), default=0)
    lines = [
        [str(position)]
        + [
            str(results[position]) if position < len(results) else ""
            for results in columns.values()
        ]
        for position in range(longest)
    ]
    return tabulate(
        lines,
        headers=["position", *columns],
        tablefmt="github",
        colalign=("right",) * (len(columns) + 1) if lines else None,
        disable_numparse=True,
    )


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "cannot tell"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "ratio":
        return f"{value:.2f}×"
    if name in ("seconds", "efficiency"):
        return f"{value:.3f}" if name == "seconds" else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
