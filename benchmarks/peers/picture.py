"""The summary as a picture: a panel a workload, a line a contender, its ratio to the plain loop."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.peers.contenders import OURS, REFERENCE
from benchmarks.peers.rounds import Measured
from benchmarks.peers.summary import estimate, status
from fanout_pipeline.measuring.comparison.comparison import Row
from fanout_pipeline.reporting.canvas import GRID, INK, SOFT, draw_title, png

_OURS, _PEER, _WRONG = "#0072B2", "#5b6670", "#D55E00"  # Okabe and Ito's, and ink
_COLUMNS = 3
_WIDTH = 18.0  # inches
_LINE = 0.21


def picture(measured: Sequence[Measured]) -> bytes:
    """PNG. Fastest warm on top; filled: warm, hollow: cold, with 95 % intervals; left of 1: faster."""
    columns = min(_COLUMNS, max(1, len(measured)))
    lines = math.ceil(len(measured) / columns) or 1
    longest = max((len(one.comparison.rows) for one in measured), default=1)
    figure = Figure(
        figsize=(_WIDTH * columns / _COLUMNS, lines * (_LINE * longest + 0.9) + 0.8),
        layout="constrained",
        dpi=100,
        facecolor="white",
    )
    panels = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes, one in zip(panels, measured, strict=False):
        _panel(axes, one)
    for axes in panels[len(measured) :]:
        axes.set_visible(False)
    draw_title(figure, "Time in relation to the plain loop's (log scale): left of 1 is faster")
    _legend(figure, panels[0], 5 if columns > 1 else 3)
    return png(figure)


def _panel(axes: Axes, one: Measured) -> None:
    rows = [row for row in one.comparison.rows if row.strategy != REFERENCE and row.cold]
    rows.sort(key=_quickest, reverse=True)
    axes.set_xscale("log")
    for height, row in enumerate(rows):
        colour = _WRONG if not row.correct else _OURS if row.strategy == OURS else _PEER
        for way, face in (("cold", "white"), ("warm", colour)):
            told = estimate(row, way)
            if told is None:
                continue
            if told.low is not None and told.high is not None:
                axes.plot([told.low, told.high], [height] * 2, color=colour, linewidth=1.2)
            axes.plot(told.ratio, height, "o", color=colour, mfc=face, markersize=5.5, mew=1.2)
    if not rows:
        axes.text(0.5, 0.5, "no whole round", transform=axes.transAxes, ha="center", color=SOFT)
    axes.axvline(1, color=INK, linewidth=1, linestyle=":", zorder=0)
    names = [" ".join((row.strategy, _noted(row, one))).rstrip() for row in rows]
    axes.set_yticks(range(len(rows)), names)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(_OURS if row.strategy == OURS else INK)
    axes.set_ylim(-0.6, max(len(rows), 1) - 0.4)
    axes.tick_params(axis="y", length=0, labelsize=8.5)
    axes.tick_params(axis="x", colors=SOFT, labelsize=8.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    loop = one.comparison.rows[0].wall_seconds
    title = f"{one.workload.description}\n{one.items:,} items, plain loop {loop:.3g} s"
    axes.set_title(title, loc="left", fontsize=9.5, color=INK)


def _quickest(row: Row) -> float:
    told = row.warm or row.cold
    return told.ratio if told else math.inf


def _noted(row: Row, one: Measured) -> str:
    state = status(row, row.strategy, one)
    return f"({state})" if state else ""


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    for label, colour, face in (
        (f"{OURS}, warm", _OURS, _OURS),
        (f"{OURS}, cold", _OURS, "white"),
        ("peer, warm", _PEER, _PEER),
        ("peer, cold", _PEER, "white"),
        ("results not right", _WRONG, _WRONG),
    ):
        axes.plot([], [], "o", color=colour, mfc=face, markersize=5.5, label=label)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=9,
    )
