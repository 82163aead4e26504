"""Run config of assets, with bounds: a wrong value is refused before the run starts."""

from typing import Literal, Optional

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.bounds import Count, Rounds, Seed, WarmUps


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
        default=30,
        description="Rounds at most. A verdict takes 5; more narrow the intervals.",
    )
    budget_seconds: float = Field(
        default=60.0,
        gt=0,
        description="When it is used up no further trial begins. What is slow gets fewer rounds, so "
        "that the rest has its own. The default keeps comparison_job under 90 s at 100,000 items.",
    )
    warm_up_rounds: WarmUps = Field(
        default=1,
        description="Rounds that are run first and not counted: imports, page cache.",
    )
    seed: Seed = Field(default=0, description="Of the order within each round.")
    strategies: Optional[list[str]] = Field(  # noqa: UP045
        default=None,
        description="Which to try beside serial, Dagster's own ways (dagster_in_process, "
        "dagster_spawn, dagster_multiprocess) included. Default: all.",
    )
