"""Where the times of two strategies cross, over items and over the cost of an item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.cost_fit import Line

Lines = Mapping[str, Mapping[Cost, Line]]
"""Lines by strategy and cost."""
_HALVINGS = 30


def items_crossing(lines: Lines, reference: str, strategy: str, cost: Cost) -> float:
    """From how many items on the strategy is faster; infinite where it never is."""
    ours, theirs = lines[strategy][cost], lines[reference][cost]
    gained = theirs.per_item - ours.per_item
    if gained <= 0:
        return math.inf
    return max(0.0, (ours.fixed - theirs.fixed) / gained)


def cost_crossing(
    lines: Lines,
    reference: str,
    strategy: str,
    costs: Sequence[Cost],
    items: int,
    bend: float = 0.5,
) -> float:
    """From how many added seconds an item on the strategy is faster at `items` items.

    Between two costs of the sweep the reference's time is a straight line. The strategy's may be bent:
    moving an item may take longer than its cost until the cost is the larger. It lies between the
    chord (`bend` 0) and the lowest such bend (`bend` 1).
    """
    ours = [lines[strategy][cost].seconds(items) for cost in costs]
    theirs = [lines[reference][cost].seconds(items) for cost in costs]
    slower = [n for n in range(len(costs)) if ours[n] >= theirs[n]]
    if not slower:
        return 0.0
    last = slower[-1]
    if last == len(costs) - 1:
        return math.inf
    first, second = costs[last].seconds, costs[last + 1].seconds
    fixed = lines[strategy][costs[last]].fixed
    steep = (ours[last + 1] - fixed) / second

    def lead(seconds: float) -> float:
        """By how much the reference is faster."""
        share = (seconds - first) / (second - first)
        chord = ours[last] + share * (ours[last + 1] - ours[last])
        lowest = min(chord, max(ours[last], fixed + steep * seconds))
        reference_time = theirs[last] + share * (theirs[last + 1] - theirs[last])
        return (1 - bend) * chord + bend * lowest - reference_time

    low, high = first, second
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) >= 0 else (low, middle)
    return (low + high) / 2
