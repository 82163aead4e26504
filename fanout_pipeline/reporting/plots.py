"""Pictures of a comparison, in colours that people with any colour vision can distinguish."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from fanout_pipeline.measuring.comparison.comparison import Comparison, Row
from fanout_pipeline.measuring.formatting import duration, three_digits
from fanout_pipeline.reporting.canvas import (
    GRID,
    INK,
    SOFT,
    draw_beside,
    draw_title,
    figure_for,
    png,
)
from fanout_pipeline.reporting.escape import plain
from fanout_pipeline.reporting.tables import interval, ratio

# Okabe and Ito's colours; phases of one kind share a colour and differ by hatching.
_RIGHT, _WRONG = "#0072B2", "#D55E00"
_PHASES: dict[str, tuple[str, str]] = {
    "launch": ("#D55E00", "///"),
    "start": ("#D55E00", ""),
    "stop": ("#E69F00", ""),
    "io": ("#CC79A7", ""),
    "event_log": ("#F0E442", ""),
    "framework": ("#F0E442", "///"),
    "read": ("#56B4E9", ""),
    "call": ("#009E73", ""),
    "write": ("#0072B2", ""),
    "commit": ("#0072B2", "///"),
    "wait": ("#BDBDBD", ""),
}
_UNACCOUNTED = ("#FFFFFF", "xxx")
_TRIAL: dict[str, Any] = {"alpha": 0.2, "markersize": 4.5, "mew": 0}
_WARM: dict[str, Any] = {"markersize": 11, "mew": 1.5, "fillstyle": "none"}
_BELOW = 0.3
"""How far below its row's middle a trial is drawn, as a share of the distance of two rows."""
_LABELLED_PERCENT = 8.0
"""A narrower segment has no room for its seconds."""


def times_plot(comparison: Comparison) -> bytes:
    """PNG: each strategy's trials and their median on a log axis, fastest on top."""
    rows = comparison.fastest_first[::-1]
    figure, axes = figure_for(len(rows))
    axes.set_xscale("log")
    for height, row in enumerate(rows):
        _draw_row(axes, height, row)
    base = comparison.row(comparison.reference)
    if base is not None:
        _draw_reference(axes, base.wall_seconds, comparison.noise)
    _ticks(axes)
    axes.set_yticks(range(len(rows)), [plain(row.strategy) for row in rows])
    axes.set_xlabel("wall time in seconds (log scale), file on disk to parts on disk", color=SOFT)
    axes.grid(axis="x", which="major", color=GRID)
    draw_beside(axes, len(rows) - 0.4, "median (ratio, 95 %)", SOFT)
    name, items = plain(comparison.name), comparison.items
    draw_title(figure, f"{name}: {items:,} items, {comparison.rounds} rounds")
    _times_legend(axes, comparison)
    return png(figure)


def breakdown_plot(comparison: Comparison) -> bytes:
    """PNG: each strategy's median trial, its phases as shares of its own wall time."""
    rows = comparison.fastest_first[::-1]
    phases = comparison.phases
    figure, axes = figure_for(len(rows))
    left_over = [_draw_bar(axes, height, row, phases) for height, row in enumerate(rows)]
    axes.set_xlim(0, max(100.0, *(100 * row.share_of(*row.phases) for row in rows)))
    axes.set_yticks(range(len(rows)), [plain(row.strategy) for row in rows])
    axes.set_xlabel("% of the strategy's own wall time, median trial", color=SOFT)
    draw_beside(axes, len(rows) - 0.4, "wall time", SOFT)
    draw_title(figure, f"{plain(comparison.name)}: where the time went, {comparison.items:,} items")
    handles = [_patch(phase, *_PHASES[phase]) for phase in phases]
    if any(left_over):
        handles.append(_patch("unaccounted", *_UNACCOUNTED))
    axes.figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(8, max(1, len(handles))),
        frameon=False,
        fontsize=9.5,
        handlelength=1.6,
        handleheight=1.1,
    )
    return png(figure)


def _draw_reference(axes: Axes, seconds: float, noise: float) -> None:
    limits = axes.get_xlim()
    if noise != float("inf"):
        band = (seconds / (1 + noise), seconds * (1 + noise))
        axes.axvspan(*band, color="#E4E7EA", linewidth=0, zorder=0)
    axes.axvline(seconds, color=SOFT, linewidth=1, linestyle=":", zorder=1)
    axes.set_xlim(limits)  # a wide band must not squeeze the trials


def _draw_row(axes: Axes, height: int, row: Row) -> None:
    colour = _RIGHT if row.correct else _WRONG
    every = row.wall_seconds_all
    below = [height - _BELOW] * len(every)
    axes.plot(every, below, "o", color=colour, **_TRIAL)
    if row.warm_seconds is not None:
        axes.plot(row.warm_seconds, height, "D", color=colour, **_WARM)
    marker = "o" if row.correct else "X"
    axes.plot(row.wall_seconds, height, marker, color=colour, markersize=8, mew=0)
    draw_beside(axes, height, _annotation(row))


def _annotation(row: Row) -> str:
    text = f"{three_digits(row.wall_seconds)} s"
    if row.ratio is None:
        return text
    cold = row.cold
    between = interval(cold.low, cold.high) if cold else ""
    return f"{text} ({ratio(row.ratio)}×{', ' if between else ''}{between})"


def _ticks(axes: Axes) -> None:
    """Labelled ticks, however wide or narrow the range is."""
    low, high = axes.get_xlim()
    if high / low < 4:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 300 else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _times_legend(axes: Axes, comparison: Comparison) -> None:
    def entry(marker: str, label: str, colour: str = _RIGHT, **style: Any) -> None:
        axes.plot([], [], marker, color=colour, label=label, **style)

    entry("o", "median", markersize=8)
    entry("o", "each trial", **_TRIAL)
    if any(row.warm_seconds is not None for row in comparison.rows):
        entry("D", "warm: workers already running", **_WARM)
    if not all(row.correct for row in comparison.rows):
        entry("X", "wrong results", _WRONG, markersize=8)
    band = "" if comparison.noise == float("inf") else "; band: chance"
    entry(":", f"{plain(comparison.reference)}{band}", SOFT)
    axes.figure.legend(
        loc="outside lower center", ncols=5, frameon=False, fontsize=9.5, handletextpad=0.4
    )


def _draw_bar(axes: Axes, height: int, row: Row, phases: list[str]) -> bool:
    """Draw a strategy's phases; whether the rest is wide enough to be seen."""
    left = 0.0
    for phase in phases:
        # Clocks that differ may make an empty phase slightly negative.
        percent = max(0.0, 100 * row.share_of(phase))
        _draw_segment(axes, height, left, percent, _PHASES[phase])
        if percent >= _LABELLED_PERCENT:
            _label(axes, height, left + percent / 2, row.seconds_in(phase), _PHASES[phase])
        left += percent
    rest = 100 * row.unaccounted / row.phases_wall_seconds
    if rest > 0.5:
        _draw_segment(axes, height, left, rest, _UNACCOUNTED)
    draw_beside(axes, height, duration(row.phases_wall_seconds))
    return rest > 0.5


def _draw_segment(
    axes: Axes, height: int, left: float, percent: float, look: tuple[str, str]
) -> None:
    colour, hatch = look
    axes.barh(
        height, percent, left=left, height=0.66, color=colour, hatch=hatch, linewidth=0.5,
        edgecolor=_edge(colour),
    )  # fmt: skip


def _label(axes: Axes, height: int, at: float, seconds: float, look: tuple[str, str]) -> None:
    colour, hatch = look
    red, green, blue = to_rgb(colour)
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    ground = {"facecolor": colour, "edgecolor": "none", "pad": 1.2} if hatch else None
    axes.text(
        at, height, duration(seconds), ha="center", va="center", fontsize=9,
        color="white" if dark else INK, bbox=ground,
    )  # fmt: skip


def _patch(label: str, colour: str, hatch: str) -> Patch:
    edge = _edge(colour)
    return Patch(facecolor=colour, hatch=hatch, edgecolor=edge, linewidth=0, label=label)


def _edge(colour: str) -> str:
    """The colour of a segment's border and of its hatching."""
    return SOFT if colour == _UNACCOUNTED[0] else "white"
