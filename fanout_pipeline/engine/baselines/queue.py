"""The glossary's program, kept for the comparison: the order of the results is lost."""

from __future__ import annotations

from fanout_pipeline.engine.baselines.item_queue import ItemQueue
from fanout_pipeline.engine.baselines.programs import START_METHODS
from fanout_pipeline.engine.model.strategy import FEATURES, Strategy

STRATEGY = Strategy(
    name="queue",
    description="The program that this project grew out of: items travel one at a time through a "
    "multiprocessing queue, each worker answers with one list, and the lists are joined as they arrive. The order "
    "of the results is lost, and every item is pickled twice. For comparison only.",
    start=ItemQueue.started,
    keeps_order=False,
    start_methods=START_METHODS,
    baseline=True,
    lacks=FEATURES,
)
