"""The ways to run all chunks, and what they share: the contract, the registry, the workers.

Add a strategy as one file in `strategies/` and one line in `registry`. Keep out: Dagster, formats
of inputs and of results, and anything that compares one strategy with another.
"""

from fanout_pipeline.fanout.contract import FanoutSpec, ItemFailed, Options, Strategy, WorkerDied
from fanout_pipeline.fanout.cores import effective_cores

__all__ = ["FanoutSpec", "ItemFailed", "Options", "Strategy", "WorkerDied", "effective_cores"]
