"""Pictures of a break-even measurement: time over items with the crossings, and who wins where.

White behind and 900 pixels wide, like the comparison's (see `canvas`). Colours are Okabe and Ito's.
"""

from __future__ import annotations

import math
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.answers import FROM, Crossing, Winner
from fanout_pipeline.measuring.break_even.grid import Cell
from fanout_pipeline.measuring.break_even.measure import Findings
from fanout_pipeline.reporting.canvas import DPI, WIDTH, png

_COLOURS = ("#000000", "#E69F00", "#0072B2", "#CC79A7", "#D55E00", "#009E73", "#56B4E9", "#F0E442")
_MARKERS = "osD^v<>P"
_REFERENCE, _NO_DIFFERENCE = "#B5B5B5", "#EDEDED"
"""The map's greys, where no fan-out pays."""
_PANEL_COLUMNS = 3


def strategy_colours(findings: Findings) -> dict[str, str]:
    """A colour for each strategy, the same in both pictures."""
    return {
        strategy: _COLOURS[n % len(_COLOURS)] for n, strategy in enumerate(findings.grid.strategies)
    }


def lines_plot(findings: Findings) -> bytes:
    """PNG: wall time over items, both on log axes, a panel for each cost."""
    costs = findings.grid.costs
    rows = math.ceil(len(costs) / _PANEL_COLUMNS)
    figure = _figure(1.1 + 2.9 * rows)
    panels = figure.subplots(rows, _PANEL_COLUMNS, sharex=True, squeeze=False)
    for axes, cost in zip(panels.flat, costs, strict=False):
        _draw_panel(axes, findings, cost)
    for axes in list(panels.flat)[len(costs) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("wall time in seconds", fontsize=9)
    for column in range(_PANEL_COLUMNS):
        panels[min(rows, math.ceil((len(costs) - column) / _PANEL_COLUMNS)) - 1, column].set_xlabel(
            "items", fontsize=9
        )
    figure.suptitle(
        f"{findings.name}: time over items, for each cost of an item ({findings.workers} workers)",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    figure.legend(handles=_line_legend(findings), loc="outside lower center", ncols=5, fontsize=9,
                  frameon=False)  # fmt: skip
    return png(figure)


def winners_plot(findings: Findings) -> bytes:
    """PNG: a field for each count and cost, in the colour of the fastest strategy there."""
    grid = findings.grid
    figure = _figure(1.9 + 0.55 * len(grid.costs))
    axes = figure.subplots()
    for row, cost in enumerate(grid.costs):
        for column, items in enumerate(grid.counts):
            winner = findings.answers.winners.get(Cell(cost, items))
            if winner is not None:
                _draw_field(axes, findings, column, row, winner)
    axes.set_xlim(-0.5, len(grid.counts) - 0.5)
    axes.set_ylim(-0.5, len(grid.costs) - 0.5)
    axes.set_xticks(range(len(grid.counts)), [count_text(n) for n in grid.counts], fontsize=9)
    axes.set_yticks(range(len(grid.costs)), [cost.name for cost in grid.costs], fontsize=9)
    axes.set_xlabel("items", fontsize=9)
    axes.set_ylabel("added to each call", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(
        f"{findings.name}: which strategy wins, and how many times faster than "
        f"{grid.reference} it is",
        loc="left",
        fontsize=11,
    )
    figure.legend(handles=_field_legend(findings), loc="outside lower center", ncols=4, fontsize=9,
                  frameon=False, handlelength=1.6)  # fmt: skip
    return png(figure)


def count_text(count: int) -> str:
    """320,000 as "320k"."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)


def _draw_panel(axes: Axes, findings: Findings, cost: Cost) -> None:
    grid, model = findings.grid, findings.model
    axes.set_xscale("log")
    axes.set_yscale("log")
    colours = strategy_colours(findings)
    counts = [grid.counts[0] * (grid.counts[-1] / grid.counts[0]) ** (n / 60) for n in range(61)]
    for number, strategy in enumerate(grid.strategies):
        points = {
            cell.items: median(seconds)
            for cell, seconds in model.cells(strategy).items()
            if cell.cost == cost
        }
        if not points:
            continue
        line = findings.answers.lines[strategy][cost]
        last = max(points)
        measured = [*(n for n in counts if n < last), last]
        beyond = [last, *(n for n in counts if n > last)]
        is_reference = strategy == grid.reference
        colour, width = colours[strategy], 1.8 if is_reference else 1.1
        axes.plot(measured, [line.seconds(n) for n in measured], color=colour, linewidth=width)
        axes.plot(
            beyond, [line.seconds(n) for n in beyond], color=colour, linewidth=width, linestyle=":"
        )
        axes.plot(
            list(points),
            list(points.values()),
            _MARKERS[number % len(_MARKERS)],
            color=colours[strategy],
            markersize=4,
        )
        crossing = findings.answers.by_items.get((strategy, cost))
        if crossing is not None and crossing.answer == FROM:
            _mark(axes, findings, cost, crossing, colours[strategy])
    axes.set_xlim(grid.counts[0] / 1.5, grid.counts[-1] * 1.5)
    axes.set_title(cost.name, loc="left", fontsize=10)
    axes.tick_params(labelsize=8, labelbottom=True)
    axes.grid(which="major", color="#e2e2e2", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _mark(axes: Axes, findings: Findings, cost: Cost, crossing: Crossing, colour: str) -> None:
    assert crossing.value is not None
    assert crossing.low is not None
    if crossing.value > findings.grid.counts[-1] * 1.5:
        return
    line = findings.answers.lines[findings.grid.reference][cost]
    height = line.fixed + crossing.value * line.per_item
    high = crossing.high if crossing.high is not None else findings.grid.counts[-1] * 1.5
    axes.plot([crossing.low, high], [height, height], color=colour, linewidth=3.5, alpha=0.35)
    axes.plot(
        crossing.value, height, "o", markersize=8.5, markerfacecolor="white",
        markeredgecolor=colour, markeredgewidth=1.8, zorder=5, clip_on=False,
    )  # fmt: skip


def _draw_field(axes: Axes, findings: Findings, column: int, row: int, winner: Winner) -> None:
    tied = _is_tied(findings, winner)
    is_reference = winner.strategies[0] == findings.grid.reference
    colour = strategy_colours(findings)[winner.strategies[0]]
    colour = _NO_DIFFERENCE if tied else _REFERENCE if is_reference else colour
    axes.add_patch(
        Rectangle(
            (column - 0.48, row - 0.46), 0.96, 0.92,
            facecolor=colour if winner.measured or tied else _lighter(colour),
            edgecolor="white" if winner.measured else "#777777",
            hatch=None if winner.measured else "////",
            linewidth=0.0,
        )
    )  # fmt: skip
    if tied or is_reference:
        text = "=" if tied else winner.strategies[0]
    else:
        text = f"{winner.speedup:.1f}×" + ("*" if len(winner.strategies) > 1 else "")
    dark = winner.measured and colour in ("#0072B2", "#D55E00", "#009E73")
    axes.text(
        column, row, text, ha="center", va="center", fontsize=9,
        color="white" if dark else "black",
        bbox=None if winner.measured else
        {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )  # fmt: skip


def _is_tied(findings: Findings, winner: Winner) -> bool:
    return findings.grid.reference in winner.strategies and len(winner.strategies) > 1


def _lighter(colour: str) -> str:
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - 0.55 * (255 - part)):02x}" for part in parts)


def _line_legend(findings: Findings) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker=_MARKERS[n % len(_MARKERS)], markersize=4, label=name)
        for n, (name, colour) in enumerate(strategy_colours(findings).items())
    ]
    handles.append(Line2D([], [], color="#666666", linestyle=":", label="fitted, not run"))
    handles.append(
        Line2D([], [], color="#666666", marker="o", markersize=8.5, markerfacecolor="white",
               markeredgewidth=1.8, linewidth=3.5, alpha=0.7,
               label=f"begins to beat {findings.grid.reference}, with its interval")
    )  # fmt: skip
    return handles


def _field_legend(findings: Findings) -> list[Patch]:
    winners = findings.answers.winners.values()
    reference = findings.grid.reference
    first = {w.strategies[0] for w in winners if not _is_tied(findings, w)}
    handles = [
        Patch(facecolor=_REFERENCE if name == reference else colour, label=name)
        for name, colour in strategy_colours(findings).items()
        if name in first
    ]
    handles.append(Patch(facecolor=_NO_DIFFERENCE, label=f"= no difference to {reference} shown"))
    if any(len(w.strategies) > 1 and not _is_tied(findings, w) for w in winners):
        handles.append(Patch(facecolor="none", label="* another fan-out is as fast"))
    handles.append(
        Patch(facecolor="#bbbbbb", edgecolor="#777777", hatch="////", linewidth=0,
              label="hatched: predicted, not run")
    )  # fmt: skip
    return handles


def _figure(height: float) -> Figure:
    return Figure(figsize=(WIDTH, height), layout="constrained", dpi=DPI, facecolor="white")
