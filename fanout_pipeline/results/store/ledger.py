"""What a run has finished, told beside its parts as it goes on, so that the next can go on from there.

`_ledger.jsonl` in a generation: its first line is what the parts are made from, each further line a
range of the source and its part. Lines are appended without waiting for the disk. After a power
cut the last may be torn, and parts may lack that are told of: a part counts if it is there, to the
byte (size and SHA-256), and is made anew otherwise.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import append_line, write_text
from fanout_pipeline.results.store.manifest import PartRecord, failed_name, part_name

LEDGER = "_ledger.jsonl"
LOCK = ".lock"
"""Held as long as the writer of a generation is alive."""
OLD_SECONDS = 7 * 86_400
"""After this long what a function finds outside of its code and its input is no longer the same."""
_PART = re.compile(r"\.?part-(\d+)\.parquet")


@dataclass(frozen=True, slots=True)
class Identity:
    """What parts are made from and how, by names that a person reads; values of JSON."""

    results: dict[str, Any]
    """What every result depends on: where it has changed, no part can be reused,"""
    failures: dict[str, Any] = field(default_factory=dict)
    """and what only matters to items that fail: parts without any are the same whatever it is."""

    def changed(self, before: Identity) -> list[str]:
        """Of what every result depends on, what is not as it was."""
        return _changed(before.results, self.results)

    def changed_failures(self, before: Identity) -> list[str]:
        """The same of what only matters to items that fail."""
        return _changed(before.failures, self.failures)


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in {**now, **before} if before.get(name) != now.get(name)]


@dataclass(frozen=True, slots=True)
class Finished:
    """A range of the source, in its own units, and the part that holds its results."""

    start: int
    stop: int
    part: PartRecord
    at: float = field(default_factory=time.time, compare=False)
    """When it was told of, in seconds since the epoch; it stays so when another run takes it over."""

    @property
    def is_old(self) -> bool:
        """Never, where the clock went back."""
        return time.time() - self.at > OLD_SECONDS


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a run has told of itself."""

    identity: Identity
    finished: tuple[Finished, ...]
    """In the order of the source; no two overlap."""

    @classmethod
    def read(cls, generation: Path) -> Ledger | None:
        """None where there is none, or none whose first line can be read."""
        try:
            first, *lines = (generation / LEDGER).read_bytes().split(b"\n")
            identity = Identity(**json.loads(first))
        except (OSError, TypeError, ValueError):
            return None
        return cls(identity, _in_order(filter(None, map(_parsed, lines))))

    def reusable(self, identity: Identity) -> tuple[Finished, ...]:
        """The parts that a run of this identity can reuse, if they are there."""
        if identity.changed(self.identity):
            return ()
        failed_too = not identity.changed_failures(self.identity)
        return tuple(
            one for one in self.finished if not one.is_old and (failed_too or not one.part.failed)
        )

    @property
    def stopped(self) -> float:
        """When the last part was told of, in seconds since the epoch."""
        return max((one.at for one in self.finished), default=0.0)


def begin(generation: Path, identity: Identity, finished: Iterable[Finished] = ()) -> None:
    """Write a ledger of what is finished so far. Raises CannotWrite."""
    lines = [json.dumps(asdict(identity)), *map(_line, finished), ""]
    write_text(generation / LEDGER, "\n".join(lines), durable=False)


def append(generation: Path, finished: Finished) -> None:
    """Tell of one more part, which is written. Raises CannotWrite."""
    append_line(generation / LEDGER, _line(finished))


def take_over(generation: Path, ledger: Ledger, identity: Identity) -> tuple[Finished, ...]:
    """What can be relied upon of a dead run's generation, which is ours now and of this identity.

    Parts that cannot be reused or are not as the ledger says are removed with everything else that
    it does not tell of. Whatever happens here, the ledger can be read again.
    """
    finished = ledger.reusable(identity)
    wanted = {(one.part.bytes, one.part.sha256) for one in finished}
    names = [path.name for path in generation.iterdir()]
    used = [int(found[1]) for name in names if (found := _PART.fullmatch(name))]
    spare = itertools.count(1 + max([-1, *used, *(one.part.number for one in ledger.finished)]))
    there = _contents(generation, {size for size, _ in wanted})
    kept: list[Finished] = []
    for one in finished:
        path = there.pop((one.part.bytes, one.part.sha256), None)
        if path is None or not _has_its_failures(generation, one.part, path):
            continue
        if path.name == part_name(one.part.number):
            kept.append(one)
        else:  # the run died while it gave the parts their final numbers
            part = replace(one.part, number=next(spare))
            no_links.rename(path, generation / part_name(part.number))
            kept.append(replace(one, part=part))
    begin(generation, identity, kept)
    needed = {LEDGER, LOCK, *(part_name(one.part.number) for one in kept)}
    needed |= {failed_name(one.part.number) for one in kept if one.part.failed}
    for stray in [path for path in generation.iterdir() if path.name not in needed]:
        no_links.remove(stray)
    return tuple(kept)


def _contents(generation: Path, sizes: set[int]) -> dict[tuple[int, str], Path]:
    """The part files of these sizes, by size and SHA-256, whatever their names. A link is none of ours."""
    found = {}
    for path in generation.iterdir():
        if path.is_symlink():
            continue
        if _PART.fullmatch(path.name) and (size := path.stat().st_size) in sizes:
            with suppress(OSError):
                found[size, _sha256(path)] = path
    return found


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_its_failures(generation: Path, part: PartRecord, path: Path) -> bool:
    """Whether the failed items of a part, if it has any, are listed beside it."""
    if not part.failed:
        return True
    if path.name != part_name(part.number):
        return False
    from pyarrow import ArrowException, parquet

    try:
        path = generation / failed_name(part.number)
        listed = parquet.read_table(path, columns=["index"])["index"].to_pylist()
    except (OSError, KeyError, ArrowException):
        return False
    return len(listed) == part.failed and all(
        part.first_index <= index < part.first_index + part.items for index in listed
    )


def _line(finished: Finished) -> str:
    return json.dumps(asdict(finished))


def _parsed(line: bytes) -> Finished | None:
    """None for a line that is torn, or none."""
    try:
        record = json.loads(line)
        part = PartRecord(**record["part"])
        return Finished(record["start"], record["stop"], part, float(record["at"]))
    except (KeyError, TypeError, ValueError):
        return None


def _in_order(finished: Iterable[Finished]) -> tuple[Finished, ...]:
    kept: list[Finished] = []
    for one in sorted(finished, key=lambda one: one.start):
        if one.start < one.stop and (not kept or kept[-1].stop <= one.start):
            kept.append(one)
    return tuple(kept)


class Ranged(Protocol):
    """A range of the source, in its own units."""

    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


def gaps(
    ranges: Iterable[tuple[int, int]], finished: Iterable[Ranged]
) -> Iterator[tuple[int, int]]:
    """What of some ranges is not finished. Both are in order, and walked through once."""
    left = iter(finished)
    one = next(left, None)
    for start, stop in ranges:
        begun = start
        while one is not None and one.start < stop:
            if begun < one.start:
                yield begun, one.start
            begun = max(begun, one.stop)
            if one.stop > stop:  # it goes on in the next range
                break
            one = next(left, None)
        if begun < stop:
            yield begun, stop
