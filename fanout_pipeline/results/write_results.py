"""Whole results of other code as a result folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Kinds, Manifest, PartRecord
from fanout_pipeline.results.write import write_part


def write_results(
    folder: str | Path, results: Iterable[Any], *, strategy: str = "", part_items: int = 250_000
) -> Manifest:
    """Write an ordered iterable of results as a result folder; earlier results stay until it is whole.

    Raises MixedTypes, a TypeError, at the first results that have no type in common with those before.
    """
    folder = Path(folder)
    target = ResultFolder(Path(os.path.realpath(folder.parent), folder.name))
    iterator = iter(results)
    with target.writing() as generation:
        parts: list[PartRecord] = []
        kinds = Kinds()
        first_index = 0
        while (block := list(islice(iterator, part_items))) or not parts:
            parts.append(write_part(generation, len(parts), first_index, block))
            kinds.add(parts[-1])  # The iterable may take long: not only at its end.
            first_index += len(block)
        manifest = Manifest(strategy, tuple(parts))
        target.commit(generation, manifest)
    return manifest
