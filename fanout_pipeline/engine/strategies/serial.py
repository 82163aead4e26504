"""One chunk after the other in this process: the reference for every result and every ratio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.strategies.inline_crew import OneByOne


@contextmanager
def start(options: Options) -> Iterator[OneByOne]:
    yield OneByOne()


STRATEGY = Strategy(
    name="serial",
    description="Calls the function on one item after the other in the step's own process. "
    "The reference that the others are checked against and compared with.",
    start=start,
    single=True,
)
