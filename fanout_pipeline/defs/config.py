"""Run config of assets, with bounds: a wrong value is refused before the run starts."""

from typing import Literal

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.bounds import Count, Seed


class NumbersFileConfig(dg.Config):
    """Which numbers to write."""

    count: Count = Field(default=100_000, description="How many numbers, one a line.")
    first: int = Field(default=0, description="The smallest number; may be negative.")
    order: Literal["ascending", "shuffled"] = Field(
        default="ascending", description="shuffled: in an order that `seed` decides."
    )
    seed: Seed = Field(default=0, description="Of the shuffled order.")
