"""The comparison as rows: for the UI's table, for Markdown and for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import CANNOT_TELL
from fanout_pipeline.reporting.escape import markdown, plain

_HEADERS = {
    "strategy": "strategy",
    "seconds": "seconds",
    "ratio": "ratio",
    "interval": "95 %",
    "shown": "shown",
    "warm_seconds": "warm s",
    "warm_ratio": "warm ratio",
    "items_per_second": "items/s",
    "efficiency": "efficiency",
    "trials": "trials",
    "workers": "workers",
    "in_order": "in order",
    "missing": "missing",
    "duplicated": "duplicated",
    "wrong": "wrong",
    "inexact": "inexact",
}
_TEXT = ("strategy", "shown")

Cells = list[list[str]]


def comparison_records(comparison: Comparison) -> list[dict[str, Any]]:
    """One record for each strategy, fastest first; what is unknown is None."""
    return [
        {name: _rounded(value) for name, value in _record(row).items()}
        for row in comparison.fastest_first
    ]


def comparison_cells(comparison: Comparison) -> tuple[list[str], Cells]:
    """The headers, and the records as text."""
    records = [
        record | {"interval": interval(record["ratio_low"], record["ratio_high"])}
        for record in map(_record, comparison.fastest_first)
    ]
    cells = [[_cell(name, record[name]) for name in _HEADERS] for record in records]
    return list(_HEADERS.values()), cells


def comparison_table(comparison: Comparison, style: str = "github") -> str:
    """The records as text: "github" for Markdown, "simple" for a terminal."""
    return _table(*comparison_cells(comparison), style, left=_TEXT)


def breakdown_records(comparison: Comparison) -> list[dict[str, Any]]:
    """One record for each strategy, fastest first: its wall time and the seconds of each phase.

    A phase that a strategy does not have is None. `unaccounted` is the time that belongs to no phase.
    """
    return [
        {"strategy": row.strategy, "wall": row.phases_wall_seconds}
        | {phase: row.phases.get(phase) for phase in comparison.phases}
        | {"unaccounted": row.unaccounted}
        for row in comparison.fastest_first
    ]


def breakdown_cells(comparison: Comparison) -> tuple[list[str], Cells]:
    """The headers, and the records as text, in seconds with four decimals."""
    records = breakdown_records(comparison)
    headers = list(records[0])
    cells = [
        [str(record["strategy"]), *(_seconds(record[name]) for name in headers[1:])]
        for record in records
    ]
    return headers, cells


def breakdown_table(comparison: Comparison, style: str = "github") -> str:
    """Where the seconds of each strategy's median trial went, as text."""
    return _table(*breakdown_cells(comparison), style, left=("strategy",))


def first_results_cells(comparison: Comparison) -> tuple[list[str], Cells]:
    """A column for each strategy, a line for each position; values are shortened, and not escaped."""
    columns = {one.strategy: one.first_10_results for one in comparison.recorded}
    longest = max(map(len, columns.values()), default=0)
    cells = [
        [str(position)]
        + [
            plain(results[position]) if position < len(results) else ""
            for results in columns.values()
        ]
        for position in range(longest)
    ]
    return ["position", *columns], cells


def first_results_table(comparison: Comparison) -> str:
    """The first results of each strategy side by side, in Markdown."""
    return _table(*first_results_cells(comparison), "github", left=())


def failures_table(failures: Sequence[Mapping[str, Any]]) -> str:
    """Failed items in Markdown, shortened; see `results.store.failed_items`. The traceback is left out."""
    headers = ["index", "where", "item", "error", "message"]
    cells = [
        [
            str(failure["index"]),
            plain(failure["where"], 100),
            plain(failure["item"]),
            plain(failure["error_type"]),
            plain(failure["message"], 200),
        ]
        for failure in failures
    ]
    return _table(headers, cells, "github", left=headers[1:])


def interval(low: float | None, high: float | None) -> str:
    """ "0.57–0.61"."""
    return "" if low is None or high is None else f"{ratio(low)}–{ratio(high)}"


def ratio(value: float) -> str:
    """ "0.59", "11.25", "193"."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _record(row: Row) -> dict[str, Any]:
    cold = row.cold
    shown = "failed" if row.failure is not None else str(row.claim or "")
    return {
        "strategy": row.strategy,
        "seconds": row.wall_seconds,
        "ratio": row.ratio,
        "ratio_low": cold.low if cold else None,
        "ratio_high": cold.high if cold else None,
        "shown": shown,
        "warm_seconds": row.warm_seconds,
        "warm_ratio": row.warm.ratio if row.warm else None,
        "items_per_second": round(row.items_per_second),
        "efficiency": row.efficiency,
        "trials": row.trials,
        "workers": row.workers,
        "in_order": row.in_order,
        "missing": row.missing,
        "duplicated": row.duplicated,
        "wrong": row.wrong,
        "inexact": row.inexact,
    }


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _cell(name: str, value: Any) -> str:
    if value is None:
        # A time that was not taken is not the same as a ratio that cannot be known.
        return "" if name.startswith("warm") else CANNOT_TELL
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("ratio", "warm_ratio"):
        return f"{ratio(value)}×"
    if name in ("seconds", "warm_seconds", "efficiency"):
        return f"{value:.2f}" if name == "efficiency" else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _seconds(value: float | None) -> str:
    # A remainder that rounds to zero has no minus.
    return "" if value is None else f"{value:.4f}".replace("-0.0000", "0.0000")


def _table(headers: list[str], cells: Cells, style: str, left: Sequence[str]) -> str:
    if style == "github":
        headers, cells = [markdown(h) for h in headers], [list(map(markdown, c)) for c in cells]
    align = ["left" if name in left else "right" for name in headers]
    return tabulate(
        cells,
        headers=headers,
        tablefmt=style,
        colalign=align if cells else None,
        disable_numparse=True,
    )
