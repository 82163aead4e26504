"""A source that can be cut, whichever it is: for whoever reads all of it, perhaps several times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.sources.source import Source
from fanout_pipeline.sources.spool.feed import feed_of
from fanout_pipeline.sources.spool.spool import Spool

_WAIT_SECONDS = 0.5


@contextmanager
def settled(source: Source, folder: Path) -> Iterator[Source]:
    """The source itself where it is cut in place, else all of it in a spool in `folder`, removed at the end.

    Raises BadInput.
    """
    feed = feed_of(source)
    if feed is None:
        yield source
        return
    folder.mkdir(exist_ok=True)
    with Spool(feed, folder) as spool:
        spool.let_run()
        while not (arrived := spool.arrived).ended:
            spool.wait(arrived.units, _WAIT_SECONDS)
        yield spool.source
