"""Run config of assets, with bounds: a wrong value is refused before the run starts."""

from typing import TYPE_CHECKING, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.bounds import (
    CheckedText,
    Count,
    Items,
    PerDecade,
    Repeats,
    Seconds,
    Seed,
)
from fanout_pipeline.fanout.registry import STRATEGIES
from fanout_pipeline.measuring.burden import Cost


def _known_strategy(name: str) -> None:
    if name not in STRATEGIES:
        raise ValueError(f"must be one of {', '.join(STRATEGIES)}, not {name!r}")


if TYPE_CHECKING:
    CostText: TypeAlias = str
    StrategyName: TypeAlias = str
else:
    CostText = CheckedText(
        "Cost", 'What is added to each call: "burn 10 us" (CPU), "wait 1 ms" (sleep).', Cost.parsed
    )
    StrategyName = CheckedText("Strategy", "The name of a strategy.", _known_strategy)


class NumbersFileConfig(dg.Config):
    """Which numbers to write."""

    count: Count = Field(default=100_000, description="How many numbers, one a line.")
    first: int = Field(default=0, description="The smallest number; may be negative.")
    order: Literal["ascending", "shuffled"] = Field(
        default="ascending", description="shuffled: in an order that `seed` decides."
    )
    seed: Seed = Field(default=0, description="Of the shuffled order.")


class BreakEvenConfig(dg.Config):
    """How wide and how long to sweep."""

    budget_seconds: Seconds = Field(
        default=200,
        description="Wall time for the timed runs. What does not fit in is left out, and made by "
        "the next materialization, which goes on from these.",
    )
    smallest: Items = Field(default=10, description="The smallest item count.")
    largest: Items = Field(
        default=1_000_000,
        description="The largest item count; the source's items are repeated where it has fewer.",
    )
    per_decade: PerDecade = Field(default=2, description="Item counts in each power of ten.")
    costs: list[CostText] = Field(
        default=["burn 1 us", "burn 10 us", "burn 100 us", "burn 1 ms", "wait 1 ms"],
        description='What is added to each call, beside the function as it is: "burn 10 us" of '
        'CPU time in Python, "wait 1 ms" asleep.',
    )
    strategies: list[StrategyName] = Field(
        default=list(STRATEGIES),
        description="Which to compare with serial. dagster_multiprocess, a step a chunk, is not "
        "among them.",
    )
    repeats: Repeats = Field(
        default=3, description="Timed runs of each strategy in a cell, if the budget allows."
    )
    seed: Seed = Field(default=0, description="Of the order of runs and of the intervals.")
    fresh: bool = Field(
        default=False, description="Measure anew instead of going on from earlier timed runs."
    )
