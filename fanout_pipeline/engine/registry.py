"""All strategies that run inside one process's call, in the order in which they are shown."""

from __future__ import annotations

from fanout_pipeline.engine.baselines import indexed_queue, pool_map, queue
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.strategies import (
    asyncio_tasks,
    multiprocess,
    serial,
    threads,
    vectorized,
)

STRATEGIES: dict[str, Strategy] = {
    module.STRATEGY.name: module.STRATEGY
    for module in (
        serial,
        threads,
        asyncio_tasks,
        multiprocess,
        queue,
        indexed_queue,
        pool_map,
        vectorized,
    )
}

REFERENCE = serial.STRATEGY.name
"""The strategy that others are checked against and compared with."""
SUPERVISED = multiprocess.STRATEGY.name
"""The strategy that outlives items which end their process or never return."""
