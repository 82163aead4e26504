"""Run config of assets, with bounds: a wrong value is refused before the run starts."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.bounds import (
    CheckedText,
    Count,
    Items,
    PerDecade,
    Repeats,
    Rounds,
    Seconds,
    Seed,
    WarmUps,
)
from fanout_pipeline.defs.ways import WAYS
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.burden import Cost

TRIED = (*STRATEGIES, *WAYS)


def _one_of(names: Iterable[str]) -> Callable[[str], None]:
    def check(name: str) -> None:
        if name not in names:
            raise ValueError(f"must be one of {', '.join(names)}, not {name!r}")

    return check


if TYPE_CHECKING:
    CostText: TypeAlias = str
    StrategyName: TypeAlias = str
    TrialName: TypeAlias = str
else:
    CostText = CheckedText(
        "Cost", 'What is added to each call: "burn 10 us" (CPU), "wait 1 ms" (sleep).', Cost.parsed
    )
    StrategyName = CheckedText("Strategy", "The name of a strategy.", _one_of(STRATEGIES))
    TrialName = CheckedText("Tried", "A strategy, or one of Dagster's own ways.", _one_of(TRIED))


class NumbersFileConfig(dg.Config):
    """Which numbers to write."""

    count: Count = Field(default=100_000, description="How many numbers, one a line.")
    first: int = Field(default=0, description="The smallest number; may be negative.")
    order: Literal["ascending", "shuffled"] = Field(
        default="ascending", description="shuffled: in an order that `seed` decides."
    )
    seed: Seed = Field(default=0, description="Of the shuffled order.")


class TrialsConfig(dg.Config):
    """How much to measure."""

    rounds: Rounds = Field(
        default=100,
        description="Rounds at most. A verdict takes 5; more narrow the intervals.",
    )
    budget_seconds: Seconds = Field(
        default=65,
        description="When it is used up no further trial begins. What is slow gets fewer rounds, so "
        "that the rest has its own. The default keeps comparison_job under 90 s at 100,000 items.",
    )
    warm_up_rounds: WarmUps = Field(
        default=1,
        description="Rounds that are run first and not counted: imports, page cache.",
    )
    seed: Seed = Field(default=0, description="Of the order within each round.")
    strategies: list[TrialName] = Field(
        default=list(TRIED),
        description="Which to try beside serial; Dagster's own ways are " + ", ".join(WAYS) + ".",
    )


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
