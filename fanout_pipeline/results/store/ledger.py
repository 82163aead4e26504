"""What a run has finished, recorded beside its parts as it goes on, so that the next run can resume it.

`_ledger.jsonl` in a generation: its first line says what the parts are made from, each further line names
a range of the source and its part. Lines are appended without waiting for the disk: after a power cut the
last may be torn, and parts may be missing although they are recorded. So a part counts only if it is
there, to the byte (size and SHA-256), and is otherwise made again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from fanout_pipeline.results.store.generation import Generation, read_file, write_text
from fanout_pipeline.results.store.manifest import (
    FAILURES_NAMES,
    FORMAT,
    PartRecord,
    UnknownFormat,
    failed_name,
    part_name,
)

LEDGER = "_ledger.jsonl"
KEPT = "_kept"
"""Names that begin so are of files beside the ledger that a run which resumes needs, too."""
SCRATCH = "_spool"
"""Names that begin so are of files that nobody needs once their run is over."""
OLD_SECONDS = 7 * 86_400
"""After this long, what a function finds outside of its code and its input may have changed."""
_PART = re.compile(r"_?part-(\d+)\.parquet")

G = TypeVar("G", bound=Generation)


@dataclass(frozen=True, slots=True)
class Identity:
    """What parts are made from and how: JSON values by names that a person can read."""

    results: dict[str, Any]
    """What every result depends on; if it has changed, no part can be reused."""
    failures: dict[str, Any] = field(default_factory=dict)
    """What only failed items depend on; if it has changed, parts without failed items can be reused."""

    def changed(self, before: Identity) -> list[str]:
        """Names of what every result depends on that have another value than before."""
        return _changed(before.results, self.results)

    def changed_failures(self, before: Identity) -> list[str]:
        """Names of what only failed items depend on that have another value than before."""
        return _changed(before.failures, self.failures)


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in {**now, **before} if before.get(name) != now.get(name)]


@dataclass(frozen=True, slots=True)
class Finished:
    """A range of the source, in the source's own unit, and the part that holds its results."""

    start: int
    stop: int
    part: PartRecord
    at: float = field(default_factory=time.time, compare=False)
    """When the part was recorded, in seconds since the epoch; runs that reuse it do not change that."""

    @property
    def is_old(self) -> bool:
        """Whether the part is too old to be reused; never if the clock went back."""
        return time.time() - self.at > OLD_SECONDS


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a run has recorded."""

    identity: Identity
    finished: tuple[Finished, ...]
    """The finished ranges in the order of the source; no two overlap."""

    @classmethod
    def read(cls, generation: Generation) -> Ledger | None:
        """None if there is no ledger, or its first line is torn.

        Raises NoResults if it has a format that this version does not know.
        """
        try:
            first, *lines = read_file(generation, LEDGER).split(b"\n")
            record = json.loads(first)
            found = record.pop("format", None)
            if found not in FAILURES_NAMES:
                raise UnknownFormat.of(generation, found)
            identity = Identity(**record)
        except (OSError, AttributeError, TypeError, ValueError):
            return None
        return cls(identity, _in_order(filter(None, map(_parsed, lines))))

    @property
    def is_of_use(self) -> bool:
        """Whether the next run might reuse a part."""
        return bool(self.finished)

    def reusable(self, identity: Identity) -> tuple[Finished, ...]:
        """The parts that a run of this identity can reuse, if they are there."""
        if identity.changed(self.identity):
            return ()
        failed_too = not identity.changed_failures(self.identity)
        return tuple(
            one for one in self.finished if not one.is_old and (failed_too or not one.part.failed)
        )

    def why_not_reusable(self, identity: Identity) -> str:
        """Why a run of this identity can reuse no part, as the end of a sentence."""
        changed = identity.changed(self.identity)
        if not changed and all(one.is_old for one in self.finished):
            return f"they are more than {OLD_SECONDS // 86_400} days old"
        changed = changed or identity.changed_failures(self.identity)
        return f"{' and '.join(changed)} changed since then"

    @property
    def stopped_at(self) -> str:
        """When the last part was recorded, in local time."""
        last = max((one.at for one in self.finished), default=0.0)
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last))


def begin(generation: Generation, identity: Identity, finished: Iterable[Finished] = ()) -> None:
    """Write a new ledger with what is finished so far. Raises CannotWrite."""
    lines = [json.dumps({"format": FORMAT} | asdict(identity)), *map(_line, finished), ""]
    write_text(generation, LEDGER, "\n".join(lines))


def append(generation: Generation, finished: Finished) -> None:
    """Record one more part, which is written. Raises CannotWrite."""
    generation.append(LEDGER, _line(finished))


def forget(generation: Generation) -> None:
    """Remove the ledger: the next run resumes nothing of this generation."""
    generation.remove(LEDGER)


def to_resume(
    left: Mapping[G, Ledger | None], identity: Identity | None, log: Callable[[str], object]
) -> G | None:
    """Of the generations that dead runs have left, the one of which most items can be reused."""
    chosen, most = None, -1
    for generation, ledger in left.items():
        if identity is None or ledger is None or not ledger.is_of_use:
            continue
        if reusable := ledger.reusable(identity):
            items = sum(one.part.items for one in reusable)
            if items > most:
                chosen, most = generation, items
        else:
            log(
                f"starts afresh: the {len(ledger.finished):,} finished chunks of the run that stopped "
                f"at {ledger.stopped_at} are not reused, because {ledger.why_not_reusable(identity)}"
            )
    return chosen


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


def _line(finished: Finished) -> str:
    return json.dumps(asdict(finished))


def _parsed(line: bytes) -> Finished | None:
    """None for a line that is torn or empty."""
    try:
        record = json.loads(line)
        part = PartRecord.of(record["part"])
        return Finished(record["start"], record["stop"], part, float(record["at"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _in_order(finished: Iterable[Finished]) -> tuple[Finished, ...]:
    kept: list[Finished] = []
    for one in sorted(finished, key=lambda one: one.start):
        if one.start < one.stop and (not kept or kept[-1].stop <= one.start):
            kept.append(one)
    return tuple(kept)
