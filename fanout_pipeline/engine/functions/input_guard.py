"""What changes while it is read: results of half the old and half the new are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.strategy import Look, Reads
from fanout_pipeline.sources.source import BadInput, require_unchanged


def look(reads: Reads) -> Look:
    """A look without reading. Raises BadInput where something is not there."""
    return Look(reads.source.version(), _seen(reads))


def require_as_seen(reads: Reads, before: Look) -> None:
    """Raises BadInput unless all is what it was."""
    require_unchanged(reads.source, before.source)
    for name, now in _seen(reads).items():
        if now != before.depends_on.get(name):
            raise BadInput(
                f"{name}, which the function depends on, changed while the run worked. Nothing was "
                "made visible; earlier results are as they were. Run again when nobody changes it "
                "any more."
            )


@contextmanager
def unchanged(reads: Reads, before: Look) -> Iterator[None]:
    """Raises BadInput at the end of the block if what is read is not what it was.

    An item that is bad, or that the function fails on, may be half of one that was cut off just
    then: in place of that error, too.
    """
    try:
        yield
    except (BadInput, ItemFailed):
        try:
            require_as_seen(reads, before)
        except BadInput as changed:
            raise changed from None
        raise
    require_as_seen(reads, before)


def _seen(reads: Reads) -> dict[str, str]:
    if not reads.depends_on:
        return {}
    from fanout_pipeline.engine.functions.dependencies import seen  # hashlib: workers do without

    return seen(reads.depends_on)
