"""Where results are kept in somebody's Dagster project: a folder each asset, and in it one each partition."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

PARTITION = "partition="
"""What the name of a partition's folder begins with."""


def data_root(storage: str | Path) -> Path:
    """The folder that everything is kept in: FANOUT_DATA, or `fanout` in Dagster's own storage folder."""
    return Path(os.environ.get("FANOUT_DATA") or Path(storage, "fanout")).absolute()


def place(root: Path, key: Sequence[str], partition: str | None = None) -> Path:
    """The folder of an asset, or of one of its partitions."""
    folder = root.joinpath(*map(segment, key))
    return folder if partition is None else folder / segment(PARTITION + partition)


def segment(name: str) -> str:
    """A part of a path that stands for any text, and for no other."""
    quoted = quote(name, safe="=")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def partition_of(folder: Path) -> str | None:
    """The partition whose folder this is; None if it is none's."""
    name = folder.name
    return unquote(name.removeprefix(PARTITION)) if name.startswith(PARTITION) else None
