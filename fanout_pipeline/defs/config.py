"""Run config of assets, with bounds: a wrong value is refused before the run starts."""

from typing import Literal

import dagster as dg
from pydantic import Field


class NumbersFileConfig(dg.Config):
    """Which numbers to write."""

    count: int = Field(
        default=100_000, ge=0, le=1_000_000_000, description="How many numbers, one a line."
    )
    first: int = Field(default=0, description="The smallest number; may be negative.")
    order: Literal["ascending", "shuffled"] = Field(
        default="ascending", description="shuffled: in an order that `seed` decides."
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="Of the shuffled order.")
