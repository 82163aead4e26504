"""The ways to run all chunks, and what they share: the contract, the registry, the workers.

Add a strategy as one file in `strategies/` and one line in `registry`. Keep out: Dagster, formats
of inputs and of results, and anything that compares one strategy with another.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fanout_pipeline.fanout.contract import (
        FanoutSpec,
        ItemFailed,
        Options,
        Strategy,
        WorkerDied,
    )
    from fanout_pipeline.fanout.cores import effective_cores

__all__ = ["FanoutSpec", "ItemFailed", "Options", "Strategy", "WorkerDied", "effective_cores"]


def __getattr__(name: str) -> object:
    # When it is asked for (PEP 562): a worker imports this package to answer that it is there.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "cores" if name == "effective_cores" else "contract"
    return getattr(import_module(f"{__name__}.{module}"), name)
