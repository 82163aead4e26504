"""What a run takes over of a dead one's generation, by its ledger."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from fanout_pipeline.results.store.generation import Generation, read_file
from fanout_pipeline.results.store.ledger import KEPT, LEDGER, Finished, Identity, Ledger, begin
from fanout_pipeline.results.store.manifest import (
    PartRecord,
    failed_name,
    part_name,
)

_PART = re.compile(r"_{0,2}part-(\d+)\.parquet")


def take_over(generation: Generation, ledger: Ledger, identity: Identity) -> tuple[Finished, ...]:
    """The finished parts of a dead run that are reused in its generation, which is now ours.

    Everything else in the generation is removed: parts that cannot be reused or differ from their
    record, and files that nothing refers to. The ledger can be read again if this process dies
    meanwhile.
    """
    finished = ledger.reusable(identity)
    names = generation.names()
    used = [int(found[1]) for name in names if (found := _PART.fullmatch(name))]
    spare = itertools.count(1 + max([-1, *used, *(one.part.number for one in ledger.finished)]))
    found_as = _names_by_contents(generation, {one.part.bytes for one in finished})
    kept: list[Finished] = []
    for one in finished:
        alike = found_as.get((one.part.bytes, one.part.sha256))
        if not alike:
            continue
        name = part_name(one.part.number)
        name = name if name in alike else min(alike)
        found = _PART.fullmatch(name)
        assert found is not None
        # The failed items are listed under the number that the part had, or that it has by now.
        numbers = one.part.number, int(found[1])
        listed = [n for n in numbers if _failures_are_listed(generation, one.part, n)]
        if not listed:
            continue
        alike.remove(name)
        if name == part_name(one.part.number) and listed[0] == one.part.number:
            kept.append(one)
        else:  # The run died while it gave the parts their final numbers.
            part = replace(one.part, number=next(spare))
            generation.rename(name, part_name(part.number))
            if part.failed:
                generation.rename(failed_name(listed[0]), failed_name(part.number))
            kept.append(replace(one, part=part))
    begin(generation, identity, kept)
    needed = {LEDGER, *(part_name(one.part.number) for one in kept)}
    needed |= {failed_name(one.part.number) for one in kept if one.part.failed}
    for stray in set(generation.names()) - needed:
        if not stray.startswith(KEPT):
            generation.remove(stray)
    return tuple(kept)


def keep_only(
    generation: Generation, kept: Iterable[Finished], finished: Iterable[Finished]
) -> None:
    """Remove what is finished from the ledger, and its parts, but for what is kept. Raises CannotWrite."""
    ledger = Ledger.read(generation)
    if ledger is not None:
        begin(generation, ledger.identity, kept)
    numbers = {one.part.number for one in kept}
    for one in finished:
        if one.part.number not in numbers:
            generation.remove(part_name(one.part.number))
            generation.remove(failed_name(one.part.number))


def _names_by_contents(generation: Generation, sizes: set[int]) -> dict[tuple[int, str], list[str]]:
    """The part files of these sizes, by size and SHA-256. Those without rows may be alike."""
    found: dict[tuple[int, str], list[str]] = {}
    for name in filter(_PART.fullmatch, generation.names()):
        with suppress(OSError):
            size = generation.size(name)
            if size in sizes:
                contents = size, hashlib.sha256(read_file(generation, name)).hexdigest()
                found.setdefault(contents, []).append(name)
    return found


def _failures_are_listed(generation: Generation, part: PartRecord, number: int) -> bool:
    """Whether the failed items of a part, if it has any, are listed beside the file of this number."""
    if not part.failed:
        return True
    from pyarrow import ArrowException, parquet

    try:
        with generation.open(failed_name(number)) as file:
            listed = parquet.read_table(file, columns=["index"])["index"].to_pylist()
    except (OSError, KeyError, ArrowException):
        return False
    return len(listed) == part.failed and all(
        part.first_index <= index < part.first_index + part.items for index in listed
    )
