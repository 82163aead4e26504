"""Results that are known before a run with a key begins: those that are visible, and what dead runs had finished."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy

from fanout_pipeline.results.store.contract import Store
from fanout_pipeline.results.store.failed_items import failed_positions
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.keys import (
    CALLED,
    FAILED,
    KEYS,
    Keys,
    read_keys,
    write_keys,
)
from fanout_pipeline.results.store.ledger import KEPT, KNOWN, Finished, Identity, begin
from fanout_pipeline.results.store.manifest import (
    FORMAT,
    Manifest,
    NoResults,
    PartRecord,
    failed_name,
    part_name,
)
from fanout_pipeline.results.store.stored_rows import RowFile

_KNOWN = re.compile(rf"{KNOWN}(\d+)\.parquet")
"""The names of the keys of what dead runs had finished."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Results by their keys."""

    generation: Generation
    """Where they are."""
    keys: Keys
    """Their items."""
    files: tuple[RowFile, ...]
    """Their rows, laid end to end."""
    seconds: numpy.ndarray
    """How long each item's call took, about (float32)."""
    made_from: Any
    """What they depend on beside their items; of what dead runs had finished, which items these were to call."""
    parts: tuple[PartRecord, ...] = ()
    """The parts of visible results."""


def visible_pool(target: Store) -> Pool | None:
    """The results that are visible; None where there are none, or none of which the keys are known."""
    generation = target.visible()
    if generation is None:
        return None
    try:
        manifest = Manifest.load(generation)
    except NoResults:
        return None
    found = read_keys(generation, KEYS)
    if found is None or manifest.format != FORMAT or found[0].size != manifest.items:
        return None
    files = [_row_file(generation, part, manifest.unpack) for part in manifest.parts]
    return _pool(generation, *found, files, manifest.parts, manifest.parts)


def salvaged_pools(generation: Generation) -> list[Pool]:
    """What dead runs had finished, each run's by itself: see `salvage`."""
    pools = []
    for name in sorted(filter(_KNOWN.fullmatch, generation.names())):
        found = read_keys(generation, name)
        if found is None:
            continue
        keys, told = found
        files = [RowFile(generation, **one) for one in told["files"]]
        parts = [PartRecord.of(one) for one in told["parts"]]
        pools.append(_pool(generation, keys, told["items"], files, parts))
    return pools


def _pool(
    generation: Generation,
    keys: Keys,
    made_from: Any,
    files: Sequence[RowFile],
    parts: Sequence[PartRecord],
    visible: tuple[PartRecord, ...] = (),
) -> Pool:
    counts = [part.items for part in parts]
    seconds = [part.call_seconds / max(1, part.items) for part in parts]
    is_there = [generation.size(file.name) == file.bytes for file in files]
    status = numpy.where(
        numpy.repeat(is_there, counts), keys.status, FAILED
    )  # what is lost is made again
    return Pool(
        generation,
        keys._replace(status=status.astype(numpy.int8)),
        tuple(files),
        numpy.repeat(numpy.array(seconds, numpy.float32), counts),
        made_from,
        visible,
    )


def salvage(
    generation: Generation, finished: Iterable[Finished], identity: Identity, unpack: bool
) -> None:
    """Put what a dead run had finished, which is in this generation, where it is found by its keys.

    Afterwards the ledger, which goes by places in that run's input, is empty. If this process dies meanwhile the next
    one goes on. Raises CannotWrite.
    """
    parts = [one.part for one in finished]
    called = read_keys(generation, CALLED)
    if not parts or called is None:
        begin(generation, identity)
        return
    keys, told = called
    names = generation.names()
    number = 1 + max(
        (int(found[1]) for name in names if (found := _KNOWN.fullmatch(name))), default=-1
    )
    moved = [f"{KEPT}-rows-{number}-{part.number:05d}.parquet" for part in parts]
    files = [
        {**_told(_row_file(generation, part, unpack)), "name": name}
        for part, name in zip(parts, moved, strict=True)
    ]
    record = {"items": told, "files": files, "parts": [asdict(part) for part in parts]}
    write_keys(generation, f"{KNOWN}{number}.parquet", _keys_of(generation, keys, parts), record)
    for part, name in zip(parts, moved, strict=True):
        generation.rename(part_name(part.number), name)
        generation.remove(failed_name(part.number))
    begin(generation, identity)


def _keys_of(generation: Generation, called: Keys, parts: Sequence[PartRecord]) -> Keys:
    """The keys of the items of some parts, one after the other."""
    places = [numpy.arange(part.first_index, part.first_index + part.items) for part in parts]
    keys = called.take(numpy.concatenate(places))
    outcomes = [outcome(generation, part) for part in parts]
    status, has_row = (numpy.concatenate(one) for one in zip(*outcomes, strict=True))
    return keys._replace(status=status, has_row=has_row)


def outcome(generation: Generation, part: PartRecord) -> tuple[numpy.ndarray, numpy.ndarray]:
    """What became of each item of a part that was just written, and whether it has a row."""
    status, has_row = numpy.zeros(part.items, numpy.int8), numpy.ones(part.items, bool)
    if part.failed:
        positions = failed_positions(generation, part)
        status[positions] = FAILED
        has_row[positions] = not part.omitted
    return status, has_row


def row_files(
    generation: Generation, parts: Iterable[PartRecord], unpack: bool
) -> Iterator[RowFile]:
    """The rows of parts that were just written."""
    return (_row_file(generation, part, unpack) for part in parts)


def _row_file(generation: Generation, part: PartRecord, unpack: bool) -> RowFile:
    name = part_name(part.number)
    types = part.kind, part.nulls, dict(part.kept)
    return RowFile(generation, name, part.rows, part.bytes, part.sha256, *types, unpack)


def _told(file: RowFile) -> dict[str, Any]:
    """As JSON: all but where it is."""
    names = ("name", "rows", "bytes", "sha256", "kind", "nulls", "kept", "unpack")
    return {name: getattr(file, name) for name in names}
