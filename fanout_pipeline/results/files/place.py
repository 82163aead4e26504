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


def require_own_place(root: Path, folder: Path) -> None:
    """Raise ValueError where another asset's results are kept around a folder in the root, or in it."""
    around = [
        one
        for one in folder.parents
        if one.is_relative_to(root) and one != root and one.is_symlink()
    ]
    inside = (
        []
        if folder.is_symlink() or not folder.is_dir()
        else [one for one in folder.iterdir() if one.is_symlink()]
    )
    if found := [*around, *inside]:
        raise ValueError(
            f"Results would be kept in {folder}, and {found[0]} has those of another fan-out. The key of one may not be "
            "the beginning of another's: give one of the two another name or prefix."
        )


def segment(name: str) -> str:
    """A part of a path that stands for any text, and for no other."""
    quoted = quote(name, safe="=")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def partition_of(folder: Path) -> str | None:
    """The partition whose folder this is; None if it is none's."""
    name = folder.name
    return unquote(name.removeprefix(PARTITION)) if name.startswith(PARTITION) else None
