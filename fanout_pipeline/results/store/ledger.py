"""What a run has finished, recorded beside its parts as it goes on, so that the next run can resume it.

`_ledger.jsonl` in a generation: its first line says what the parts are made from, each further line names
a range of the source and its part. Lines are appended without waiting for the disk: after a power cut the
last may be torn, and parts may be missing although they are recorded. So a part counts only if it is
there, to the byte (size and SHA-256), and is otherwise made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from fanout_pipeline.results.store.generation import Generation, read_file, write_text
from fanout_pipeline.results.store.manifest import (
    FAILURES_NAMES,
    FORMAT,
    PartRecord,
    UnknownFormat,
)

LEDGER = "_ledger.jsonl"
KEPT = "_kept"
"""Names that begin so are of files beside the ledger that a run which resumes needs, too."""
KNOWN = f"{KEPT}-known-"
"""Names that begin so are of what runs with a key have finished that died before this one: see `engine.incremental`."""
SCRATCH = "_spool"
"""Names that begin so are of files that nobody needs once their run is over."""
ASIDE = "__part-"
"""Names that begin so are of parts whose results are in others by now, until those are visible."""
CALLED_SPOOL = f"{SCRATCH}-called"
"""The folder of the spool of a run with a key that calls some of its items only."""
OLD_SECONDS = 7 * 86_400
"""After this long, what a function finds outside of its code and its input may have changed."""

THE_KEY = "the key"
"""The name of the key among what the results of a run with a key depend on."""

G = TypeVar("G", bound=Generation)


@dataclass(frozen=True, slots=True)
class Identity:
    """What parts are made from and how: JSON values by names that a person can read."""

    results: dict[str, Any]
    """What every result depends on; if it has changed, no part can be reused."""
    failures: dict[str, Any] = field(default_factory=dict)
    """What only failed items depend on; if it has changed, parts without failed items can be reused."""

    @property
    def is_keyed(self) -> bool:
        """Whether it is of a run with a key, whose parts are of use as long as its items are as they were."""
        return THE_KEY in self.results

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
    knows_more: bool = False
    """Whether there is what earlier runs with a key had finished."""

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
        knows_more = any(name.startswith(KNOWN) for name in generation.names())
        return cls(identity, _in_order(filter(None, map(_parsed, lines))), knows_more)

    @property
    def is_of_use(self) -> bool:
        """Whether the next run might reuse a part."""
        return bool(self.finished) or self.knows_more

    def reusable(self, identity: Identity) -> tuple[Finished, ...]:
        """The parts that a run of this identity can reuse, if they are there."""
        if identity.changed(self.identity):
            return ()
        failed_too = not identity.changed_failures(self.identity)
        return tuple(
            one
            for one in self.finished
            if (identity.is_keyed or not one.is_old) and (failed_too or not one.part.failed)
        )

    def why_not_reusable(self, identity: Identity) -> str:
        """Why a run of this identity can reuse no part, as the end of a sentence."""
        changed = identity.changed(self.identity)
        if not changed and not identity.is_keyed and all(one.is_old for one in self.finished):
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


def is_of_the_run(name: str) -> bool:
    """Whether a file of this name is of use to the run and to the next one, and no part of the results."""
    return name == LEDGER or name.startswith(("_failed-", "_part-", ASIDE, KEPT, SCRATCH))


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
        reusable = ledger.reusable(identity)
        if reusable or (ledger.knows_more and not identity.changed(ledger.identity)):
            items = sum(one.part.items for one in reusable)
            if items > most:
                chosen, most = generation, items
        else:
            log(
                f"starts afresh: the {len(ledger.finished):,} finished chunks of the run that stopped "
                f"at {ledger.stopped_at} are not reused, because {ledger.why_not_reusable(identity)}"
            )
    return chosen


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
