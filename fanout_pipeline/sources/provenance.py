"""Which input a run has read: recorded beside its results, and the same from beginning to end."""

from __future__ import annotations

from typing import Any

from fanout_pipeline.sources.source import BadInput, Source, Version
from fanout_pipeline.sources.url import Url

_ONE_WRITER = (
    "Nothing was committed; earlier results are unchanged. Run again once nothing else writes to the "
    "input."
)


def recorded(source: Source, version: Version) -> dict[str, Any]:
    """What a source has read, as it is recorded beside results: its length by the name of the unit."""
    # The size of a query or an iterator is not known beforehand; each of its units is an item.
    size = version.size or version.items or 0
    return {"path": str(source), source.UNIT: size, "sha256": version.identity}


def require_unchanged(source: Source, before: Version) -> None:
    """Raises BadInput unless the source has the version that it had before."""
    try:
        now = source.version()
    except BadInput as error:
        if isinstance(getattr(source, "path", None), Url):
            raise  # Its server may only be out of reach.
        if isinstance(error.__cause__, FileNotFoundError):
            raise BadInput(f"{source} was removed while it was read. {_ONE_WRITER}") from error
        found = f"What was found in the end: {error}"
        raise BadInput(f"{source} changed while it was read. {_ONE_WRITER} {found}") from error
    if now != before:
        raise BadInput(f"{source} {source.change(before, now)} while it was read. {_ONE_WRITER}")
