"""An input that changes while it is read: results of half the old and half the new are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.fanout.contract import ItemFailed
from fanout_pipeline.sources.source import BadInput, Source, Stamp, require_unchanged


@contextmanager
def unchanged(source: Source, stamp: Stamp) -> Iterator[None]:
    """Raises BadInput at the end of the block if the source is not what it was when stamped.

    An item that is bad, or that the function fails on, may be half of one that was cut off just
    then: in place of that error, too.
    """
    try:
        yield
    except (BadInput, ItemFailed):
        try:
            require_unchanged(source, stamp)
        except BadInput as changed:
            raise changed from None
        raise
    require_unchanged(source, stamp)
