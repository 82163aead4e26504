"""The glossary's program with an index sent along, and the results sorted by it afterwards."""

from __future__ import annotations

from fanout_pipeline.engine.baselines.item_queue import ItemQueue
from fanout_pipeline.engine.baselines.programs import START_METHODS
from fanout_pipeline.engine.model.strategy import FEATURES, Strategy


class _IndexedQueue(ItemQueue):
    indexed = True


STRATEGY = Strategy(
    name="indexed_queue",
    description="queue with its order restored: an index travels with each item "
    "through the queue, and the results are sorted by it at the end. For comparison only.",
    start=_IndexedQueue.started,
    start_methods=START_METHODS,
    baseline=True,
    lacks=FEATURES,
)
