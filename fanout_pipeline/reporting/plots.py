"""Pictures of a comparison. Colours are Okabe and Ito's, told apart by every kind of eye."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fanout_pipeline.measuring.comparison import Comparison, Row

_IN_ORDER, _NOT_IN_ORDER, _START_UP = "#0072B2", "#D55E00", "#999999"


def times_plot(comparison: Comparison) -> bytes:
    """PNG: each strategy's wall time on a log axis, fastest on top, start-up marked apart."""
    rows = sorted(comparison.rows, key=lambda row: row.measured.wall_seconds, reverse=True)
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(rows)), layout="constrained", dpi=120)
    axes = figure.subplots()
    axes.set_xscale("log")
    for height, row in enumerate(rows):
        _draw_row(axes, height, row)
    base = comparison.row(comparison.reference)
    if base is not None:
        axes.axvline(base.measured.wall_seconds, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [row.measured.strategy for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.35)
    axes.set_xlabel("wall time in seconds (log scale), file on disk to committed parts on disk")
    axes.set_title(
        f"{comparison.name}: {comparison.items:,} items, one run each", loc="left", fontsize=11
    )
    axes.grid(axis="x", which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _draw_row(axes: Axes, height: int, row: Row) -> None:
    measured = row.measured
    if measured.start_seconds > 0.001:
        axes.plot(measured.start_seconds, height, "|", color=_START_UP, markersize=12, mew=2)
    axes.plot(
        measured.wall_seconds,
        height,
        marker="o" if measured.correct else "X",
        color=_IN_ORDER if measured.correct else _NOT_IN_ORDER,
        markersize=9,
    )
    ratio = "" if row.ratio is None else f"  ({row.ratio:.2f}×)"
    axes.annotate(
        f"{measured.wall_seconds:.3g} s{ratio}",
        (measured.wall_seconds, height),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def _legend(axes: Axes) -> None:
    axes.plot([], [], "o", color=_IN_ORDER, label="in order and complete")
    axes.plot([], [], "X", color=_NOT_IN_ORDER, label="order lost, or results wrong")
    axes.plot([], [], "|", color=_START_UP, mew=2, markersize=12, label="of that: starting workers")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=3, frameon=False, fontsize=9
    )
