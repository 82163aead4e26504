"""The parts of a run as they are made visible: few, and all of one schema.

A run writes a part whenever a worker has finished something, which may be two slow items. So at the commit
small neighbours are written once more, together: where there are more than 16 parts, those with fewer than
20,000 rows and 4 MB, into parts of up to 1,000,000 rows or 64 MB, if at most half as many parts are left.
A part is also written again where its columns are not those that all parts have in common. Others are only
renamed. See docs/decisions/compaction.md.

Until the results are visible a killed run can be resumed: what was written again stays under another name,
by which `takeover.take_over` finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fanout_pipeline.results.store.generation import Generation, read_file
from fanout_pipeline.results.store.manifest import Manifest, NoResults, PartRecord, part_name

if TYPE_CHECKING:
    import pyarrow

_MOVED = "_"
"""Before the name of a part that was written again, until the results are visible."""
_FEW_PARTS = 16
_SMALL_ROWS, _SMALL_BYTES = 20_000, 4 * 2**20
_MOST_ROWS, _MOST_BYTES = 1_000_000, 64 * 2**20
_GROUP_BYTES = 64 * 2**20
"""Of Arrow's columns in memory, from which on a row group is written."""


def settled(generation: Generation, manifest: Manifest) -> Manifest:
    """The manifest of the same results in their final parts. Raises CannotWrite."""
    plan = planned(manifest)
    again = [len(parts) > 1 or not _agrees(parts[0], manifest) for parts in plan]
    if not any(again):
        return manifest
    written = [
        _written(generation, manifest, parts, number) if anew else replace(parts[0], number=number)
        for number, (parts, anew) in enumerate(zip(plan, again, strict=True))
    ]
    # Each part's new number is at most its old one, and what had that number before is out of the way.
    for parts, anew, new in zip(plan, again, written, strict=True):
        if anew:
            for part in parts:
                generation.rename(part_name(part.number), _MOVED + part_name(part.number))
            generation.rename(_temporary_name(new.number), part_name(new.number))
        elif parts[0].number != new.number:
            generation.rename(part_name(parts[0].number), part_name(new.number))
    return replace(manifest, parts=tuple(written))


def planned(manifest: Manifest) -> list[list[PartRecord]]:
    """The parts in order, those together that are to become one."""
    parts = manifest.parts
    if len(parts) > _FEW_PARTS:
        groups = list(_groups(parts))
        if 2 * len(groups) <= len(parts):
            return groups
    return [[part] for part in parts]


def _groups(parts: Sequence[PartRecord]) -> Iterator[list[PartRecord]]:
    group: list[PartRecord] = []
    rows = size = 0
    for part in parts:
        is_small = part.rows < _SMALL_ROWS and part.bytes < _SMALL_BYTES
        is_full = rows + part.rows > _MOST_ROWS or size + part.bytes > _MOST_BYTES
        if group and (is_full or not is_small):
            yield group
            group, rows, size = [], 0, 0
        if is_small:
            group.append(part)
            rows, size = rows + part.rows, size + part.bytes
        else:
            yield [part]
    if group:
        yield group


def _agrees(part: PartRecord, manifest: Manifest) -> bool:
    """Whether a part has the columns of all, in their order."""
    # As text: the order of keys makes no difference to dicts, but to programs that read the files.
    return repr(part.columns(manifest.unpack)) == repr(manifest.columns)


def _written(
    generation: Generation, manifest: Manifest, parts: Sequence[PartRecord], number: int
) -> PartRecord:
    """Write parts together, under a name that no other file has."""
    from fanout_pipeline.results.store.digest import combined
    from fanout_pipeline.results.store.part_file import encoded, schema_of

    nullable: set[str] = set()
    data = encoded(schema_of(manifest.columns), _row_groups(generation, manifest, parts, nullable))
    with generation.writing(_temporary_name(number)) as file:
        file.write(data)
    return replace(
        parts[0],
        number=number,
        items=sum(part.items for part in parts),
        digest=combined(part.digest for part in parts),
        kind=manifest.kind,
        kept=manifest.kept,
        nulls=sum(part.nulls for part in parts),
        nullable=tuple(sorted(nullable)),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        read_seconds=sum(part.read_seconds for part in parts),
        call_seconds=sum(part.call_seconds for part in parts),
        write_seconds=sum(part.write_seconds for part in parts),
        call_cpu_seconds=sum(part.call_cpu_seconds for part in parts),
        failed=sum(part.failed for part in parts),
        omitted=sum(part.omitted for part in parts),
        retried=sum(part.retried for part in parts),
    )


def _row_groups(
    generation: Generation, manifest: Manifest, parts: Sequence[PartRecord], nullable: set[str]
) -> Iterator[pyarrow.Table]:
    """The rows of parts, each table as many as are kept in memory; `nullable` gets columns with nulls."""
    import pyarrow
    from pyarrow import parquet

    from fanout_pipeline.results.store.part_file import INDEX, conformed, schema_of

    wanted = {**INDEX, **manifest.columns}
    waiting: list[pyarrow.RecordBatch] = []
    size = 0
    for part in parts:
        data = read_file(generation, part_name(part.number))
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise NoResults(
                f"{generation}/{part_name(part.number)} is damaged (its SHA-256 is not that of what was "
                "written): check the disk, then materialize the asset again."
            )
        file = parquet.ParquetFile(pyarrow.BufferReader(data))
        found = {**INDEX, **part.columns(manifest.unpack)}
        for rows in file.iter_batches(use_threads=False):
            batch = conformed(rows, found, wanted)
            nullable.update(name for name in manifest.columns if batch[name].null_count)
            waiting.append(batch)
            size += batch.nbytes
            if size >= _GROUP_BYTES:
                yield pyarrow.Table.from_batches(waiting)
                waiting, size = [], 0
    if waiting:
        yield pyarrow.Table.from_batches(waiting)
    elif not sum(part.rows for part in parts):
        yield schema_of(manifest.columns).empty_table()


def _temporary_name(number: int) -> str:
    return f"_merged-{number:05d}.parquet"
