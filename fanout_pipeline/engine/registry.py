"""All strategies that run inside one process's call, in the order in which they are shown."""

from __future__ import annotations

from fanout_pipeline.engine.baselines import pool_map, queues
from fanout_pipeline.engine.clusters import dask
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.strategies import (
    asyncio_tasks,
    auto,
    multiprocess,
    serial,
    threads,
    vectorized,
)

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        serial.STRATEGY,
        threads.STRATEGY,
        asyncio_tasks.STRATEGY,
        multiprocess.STRATEGY,
        queues.QUEUE,
        queues.INDEXED_QUEUE,
        pool_map.STRATEGY,
        vectorized.STRATEGY,
        auto.STRATEGY,
    )
}

CLUSTERS: dict[str, Strategy] = {strategy.name: strategy for strategy in (dask.STRATEGY,)}
"""Those that call on the workers of a cluster. Labs and `auto` leave them out."""
RUNNABLE = {name: one for name, one in STRATEGIES.items() if not one.baseline} | CLUSTERS
"""Those that are for more than to be compared with."""

REFERENCE = serial.STRATEGY.name
"""The strategy that others are checked against and compared with."""
AUTO = auto.STRATEGY.name
"""The strategy that finds the way while the work goes on."""
AUTO_HERE = auto.HERE
"""The same for runs that need not outlive their items: it begins in the thread that calls."""
SUPERVISED = multiprocess.STRATEGY.name
"""The strategy that outlives items which end their process or never return."""
