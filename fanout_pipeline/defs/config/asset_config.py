"""Run config of assets. Its types are those of `bounds`, which refuse a value before the run exists."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.config.bounds import (
    CheckedText,
    Count,
    ItemCount,
    PerDecade,
    Repeats,
    Rounds,
    Seconds,
    Seed,
    Sessions,
    WarmUps,
)
from fanout_pipeline.defs.config.dagster_executors import DAGSTER_EXECUTORS
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.break_even.added_cost import Cost

TRIALS = (*STRATEGIES, *DAGSTER_EXECUTORS)
SWEPT = tuple(name for name, strategy in STRATEGIES.items() if not strategy.grows)
"""Strategies that have a break-even: time in proportion to items. `auto` changes its way once that pays."""


def _is_swept(name: str) -> None:
    if name in STRATEGIES and name not in SWEPT:
        raise ValueError(
            f"{name} has no break-even of its own, as it takes the way that pays: name those that it "
            "chooses from"
        )
    _one_of(SWEPT)(name)


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
    StrategyName = CheckedText(
        "StrategyName", "The name of a strategy that has a break-even.", _is_swept
    )
    TrialName = CheckedText(
        "TrialName", "A strategy, or one of Dagster's executors.", _one_of(TRIALS)
    )


class NumbersFileConfig(dg.Config):
    """Which numbers to write."""

    count: Count = Field(default=100_000, description="How many numbers, one a line.")
    first: int = Field(default=0, description="The smallest number; may be negative.")
    order: Literal["ascending", "shuffled"] = Field(
        default="ascending", description="shuffled: in an order that depends on `seed`."
    )
    seed: Seed = Field(default=0, description="Seed of the shuffled order.")


class TrialsConfig(dg.Config):
    """How much to measure."""

    rounds: Rounds = Field(
        default=100,
        description="Most rounds. Two give a bound, 5 a ratio; further rounds narrow its interval.",
    )
    budget_seconds: Seconds = Field(
        default=65,
        description="Time after which no further trial begins. Slow strategies get fewer rounds, so "
        "that the others get theirs. The default keeps comparison_job under 90 s at 100,000 items.",
    )
    warm_up_rounds: WarmUps = Field(
        default=1,
        description="Rounds that are run first and not counted, for imports and the page cache.",
    )
    seed: Seed = Field(default=0, description="Seed of the order, together with the run's id.")
    sessions: Sessions = Field(
        default=1,
        description="Sessions that rounds and budget are divided into, each with processes of its own. From 3 on "
        "the intervals are of what differs from one to the next; with fewer they hold within this run.",
    )
    strategies: list[TrialName] = Field(
        default=list(TRIALS),
        description="What to try beside serial: strategies, and Dagster's executors "
        + ", ".join(DAGSTER_EXECUTORS)
        + " running the chunk graph.",
    )


class BreakEvenConfig(dg.Config):
    """How wide and how long to sweep."""

    budget_seconds: Seconds = Field(
        default=200,
        description="Wall time for the timed runs. Those that do not fit are left to the next "
        "materialization, which adds to the runs of earlier ones.",
    )
    smallest: ItemCount = Field(default=10, description="The smallest item count.")
    largest: ItemCount = Field(
        default=1_000_000,
        description="The largest item count. A source with fewer items is repeated.",
    )
    per_decade: PerDecade = Field(default=2, description="Item counts in each power of ten.")
    costs: list[CostText] = Field(
        default=["burn 1 us", "burn 10 us", "burn 100 us", "burn 1 ms", "wait 1 ms"],
        description='Costs that are added to each call, in addition to the function alone: "burn 10 us" of '
        'CPU time in Python, "wait 1 ms" asleep.',
    )
    strategies: list[StrategyName] = Field(
        default=list(SWEPT),
        description="Strategies to compare with serial. dagster_multiprocess, with a step for each "
        "chunk, is not among them, nor auto, which takes the way that pays.",
    )
    repeats: Repeats = Field(
        default=3,
        description="Timed runs of each strategy at each item count and cost, if the budget allows.",
    )
    seed: Seed = Field(default=0, description="Seed of the order of runs and of the intervals.")
    fresh: bool = Field(
        default=False, description="Ignore the timed runs of earlier materializations."
    )
