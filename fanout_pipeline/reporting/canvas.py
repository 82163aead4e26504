"""What the pictures have in common: size, colours, a white background that suits both themes of the UI."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, GRID = "#1c2024", "#5b6670", "#e1e5e9"
WIDTH = 9.0  # inches
DPI = 100  # 900 pixels: the UI's dialog does not scale, and is 960 wide in a window of 1200


def figure_for(rows: int) -> tuple[Figure, Axes]:
    """A figure with room for so many rows."""
    figure = Figure(
        figsize=(WIDTH, 1.9 + 0.4 * rows), layout="constrained", dpi=DPI, facecolor="white"
    )
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots()
    axes.set_facecolor("white")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(axis="x", colors=SOFT, labelsize=9.5)
    axes.tick_params(axis="y", length=0, labelsize=10.5, labelcolor=INK)
    axes.set_ylim(-0.6, max(rows, 1) - 0.4)
    axes.set_axisbelow(True)
    return figure, axes


def draw_title(figure: Figure, title: str) -> None:
    """A title above everything else, at the left edge."""
    figure.suptitle(title, x=0.014, ha="left", fontsize=11.5, fontweight="bold", color=INK)


def draw_beside(axes: Axes, height: float, text: str, colour: str = INK) -> None:
    """Draw text in a column to the right of the axes."""
    axes.text(
        1.015,
        height,
        text,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=9.5,
        color=colour,
        parse_math=False,
    )


def png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor="white")
    return out.getvalue()
