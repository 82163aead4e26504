"""The record that makes results whole: what they are, what they were made from, and in which parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from fanout_pipeline.results.store.generation import Generation, read_file, write_text
from fanout_pipeline.results.types.kinds import NULL, Kind, MixedTypes
from fanout_pipeline.results.types.layout import Kinds, columns_of

MANIFEST = "_manifest.json"
FAILURES = "_failures.parquet"
"""The name of the file that lists the failed items of committed results."""
FORMAT = 4
"""The format in which manifests and ledgers are written. It also changes where a source reads other items out of the
same input, or results are stored as another type: parts of a run that has died are reused by later versions."""
FAILURES_NAMES = {2: "failures.parquet", 3: FAILURES, FORMAT: FAILURES}
"""The formats that can be read, and what the file of failed items is called in each."""


class NoResults(Exception):
    """A folder holds no complete results. The message names it and says what to do."""


class UnknownFormat(NoResults):
    """Results or a ledger that this version must not read, resume, replace or remove."""

    @classmethod
    def of(cls, generation: Generation, found: object) -> UnknownFormat:
        """The error for a generation in the format that was found."""
        known = ", ".join(map(str, FAILURES_NAMES))
        return cls(
            f"{generation} was written in format {found}, and this version of fanout_pipeline reads {known}: "
            "use the version that wrote it, or move it away and materialize the asset again."
        )


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What a worker answers when it has written a part."""

    number: int
    """The part's number, and that of its file `part-<number>.parquet`."""
    first_index: int
    """The index of the part's first item in the input."""
    items: int
    """The number of input items, including those that failed."""
    digest: str
    """The digest of the results: see `digest`."""
    kind: Kind
    """The type that the results have in common: see `kinds`."""
    nulls: int
    """The number of null results."""
    bytes: int
    """The size of the part's file."""
    sha256: str
    """The SHA-256 of the part's file, so that damage is noticed when it is read."""
    pid: int
    """The process that made the calls, or the first of them."""
    read_seconds: float = 0.0
    """Time to read the items."""
    call_seconds: float = 0.0
    """Time in the user's function, over all items."""
    write_seconds: float = 0.0
    """Time to write the part."""
    call_cpu_seconds: float = 0.0
    """CPU time of the thread during `call_seconds`, and time that it waited for a core; the rest was waiting for
    the GIL or for I/O."""
    wait_seconds: float = 0.0
    """Time in which limits have held calls back."""
    failed: int = 0
    """The number of quarantined items."""
    omitted: int = 0
    """The number of failed items without a row; other failed items have a null result."""
    kept: dict[str, Kind] = field(default_factory=dict, hash=False)
    """The kinds of the columns of the input that are kept beside the results."""
    nullable: tuple[str, ...] = ()
    """The columns other than `result` that have nulls."""
    retried: int = 0
    """The number of calls that were made again because an item's call before had failed."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """The part that a JSON record describes; keys of other versions are ignored. Raises TypeError."""
        found = {name: record[name] for name in _PART_FIELDS if name in record}
        return cls(**found | {"nullable": tuple(found.get("nullable", ()))})

    @property
    def rows(self) -> int:
        """The number of rows in the part's file."""
        return self.items - self.omitted

    def columns(self, unpack: bool) -> dict[str, Kind]:
        """The kinds of the columns of its file, beside `index`."""
        return columns_of(self.kind, self.kept, unpack)

    def common_kinds(self, kinds: Kinds) -> Kinds:
        """The kinds of other parts and of this one together.

        Raises MixedTypes, which names the part's first item.
        """
        kind = self.kind if self.rows > self.nulls else NULL
        try:
            return kinds.including(kind, self.kept)
        except MixedTypes as error:
            where = f"first found in the part that begins with item {self.first_index}"
            raise error.found(where) from None


_PART_FIELDS = [one.name for one in fields(PartRecord)]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of one run's results, in order."""

    strategy: str
    parts: tuple[PartRecord, ...]
    source: dict[str, Any] = field(default_factory=dict)
    """The fingerprint of the input: path, bytes, sha256."""
    function: dict[str, Any] = field(default_factory=dict)
    """The name and the fingerprint of the function."""
    unpack: bool = False
    """Whether fields of results that are dicts are columns."""
    format: int = FORMAT
    """The format that the results were written in."""
    kind: Kind = field(init=False, compare=False)
    """The type that all results have in common."""
    kept: dict[str, Kind] = field(init=False, compare=False)
    """The types of the columns of the input that are kept beside the results."""

    def __post_init__(self) -> None:
        expected = 0
        kinds = Kinds()
        for position, part in enumerate(self.parts):
            self._require_place(part, position, expected)
            expected += part.items
            kinds = part.common_kinds(kinds)
        kind = kinds.result
        if kind == NULL and self.parts and all(p.kind == self.parts[0].kind for p in self.parts):
            kind = self.parts[0].kind  # There are no results but None, or none: what was stated.
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "kept", dict(kinds.kept))

    def _require_place(self, part: PartRecord, position: int, expected: int) -> None:
        """Raises ValueError unless the part is the next one."""
        if part.number != position or part.first_index != expected:
            raise ValueError(
                f"part {part.number} begins at item {part.first_index}, but part {position} "
                f"should begin at item {expected}: a part is missing, duplicated or misplaced"
            )

    @property
    def items(self) -> int:
        """The number of input items."""
        return sum(part.items for part in self.parts)

    @property
    def rows(self) -> int:
        """The number of results: that of the items, less those that failed and were left out."""
        return sum(part.rows for part in self.parts)

    @property
    def failed(self) -> int:
        """The number of quarantined items."""
        return sum(part.failed for part in self.parts)

    @property
    def digest(self) -> str:
        """The digest of all results."""
        from fanout_pipeline.results.store.digest import combined

        return combined(part.digest for part in self.parts)

    @property
    def failures_name(self) -> str:
        """The name of the file that lists the failed items."""
        return FAILURES_NAMES[self.format]

    @property
    def has_digest(self) -> bool:
        """Whether the digest can be compared: earlier formats had another one for lists and dicts."""
        return self.format == FORMAT or isinstance(self.kind, str)

    @property
    def unpacks(self) -> bool:
        """Whether the results are dicts whose fields are columns."""
        return self.unpack and isinstance(self.kind, dict)

    @property
    def columns(self) -> dict[str, Kind]:
        """The kinds of all columns beside `index`, in their order."""
        return columns_of(self.kind, self.kept, self.unpack)

    def has_nulls(self, column: str) -> bool:
        """Whether a column, other than `index`, has nulls."""
        if column == "result":
            return any(part.nulls for part in self.parts)
        return any(column in part.nullable for part in self.parts)

    def save(self, generation: Generation) -> None:
        """Write the manifest, which survives a power cut. Raises CannotWrite."""
        record = {"format": FORMAT, "items": self.items, "digest": self.digest} | asdict(self)
        write_text(generation, MANIFEST, json.dumps(record, indent=1) + "\n", durable=True)

    @classmethod
    def load(cls, generation: Generation) -> Manifest:
        """Raises NoResults if there is no manifest, or none that this version can read."""
        try:
            stored = read_file(generation, MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            raise NoResults(
                f"{generation} holds no complete results: materialize its asset first."
            ) from None
        try:
            record = json.loads(stored)
            if record["format"] not in FAILURES_NAMES:
                raise UnknownFormat.of(generation, record["format"])
            parts = tuple(map(PartRecord.of, record["parts"]))
            made_from = record["source"], record["function"]
            unpack = record.get("unpack", False)
            return cls(record["strategy"], parts, *made_from, unpack, record["format"])
        except (KeyError, TypeError, ValueError) as error:
            raise NoResults(
                f"{generation}/{MANIFEST} is damaged ({error}): materialize the asset again."
            ) from error


class Unfinished(Manifest):
    """What a run that has ended early had done: parts in order, under any numbers, others are missing."""

    def _require_place(self, part: PartRecord, position: int, expected: int) -> None:
        pass


def part_name(number: int) -> str:
    """The name of a part's file. Five digits sort as text up to 99,999 parts."""
    return f"part-{number:05d}.parquet"


def failed_name(number: int) -> str:
    """The name of the file that lists a part's failed items until the commit."""
    return f"_failed-{number:05d}.parquet"
