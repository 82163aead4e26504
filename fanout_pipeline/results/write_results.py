"""Writing results that other code has computed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest, PartRecord
from fanout_pipeline.results.types.layout import Kinds
from fanout_pipeline.results.write import write_part


def write_results(
    folder: str | Path, results: Iterable[Any], *, strategy: str = "", part_items: int = 250_000
) -> Manifest:
    """Write an ordered iterable of results to a folder, where earlier results stay visible until the end.

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
            kinds = parts[-1].common_kinds(
                kinds
            )  # Not only at the end: the iterable may take long.
            first_index += len(block)
        return target.commit(generation, Manifest(strategy, tuple(parts)))
