"""The record that makes a result folder whole: what it holds, from what, in which parts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fanout_pipeline.results.files.atomic import write_text
from fanout_pipeline.results.types.kinds import (
    DECIMAL_KIND,
    INTEGER_KIND,
    NULL,
    Kind,
    MixedTypes,
    common,
)

MANIFEST = "_manifest.json"
FORMAT = 2


class NoResults(Exception):
    """A folder holds no complete results. The message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What a worker answers with when it has written a part."""

    number: int
    """The chunk's number; the part is `part-<number>.parquet`."""
    first_index: int
    items: int
    """Of the input, those that failed included."""
    digest: str
    kind: Kind
    """Of the results."""
    nulls: int
    bytes: int
    """Size of the part file."""
    sha256: str
    """Of the part file, so that damage is found when it is read."""
    pid: int
    read_seconds: float = 0.0
    call_seconds: float = 0.0
    """Time in the user's function, over all items."""
    write_seconds: float = 0.0
    wait_seconds: float = 0.0
    """Time until earlier chunks were counted, so that `first_index` was known."""
    call_cpu_seconds: float = 0.0
    """CPU time of the thread during `call_seconds`; the rest is waiting, for the GIL too."""
    failed: int = 0
    """Items without a result, which were put into quarantine."""
    omitted: int = 0
    """Items without a row; others that failed have a null."""

    @property
    def rows(self) -> int:
        return self.items - self.omitted


class Kinds:
    """The kind of all parts that were added, in any order, from any thread."""

    def __init__(self, parts: Iterable[PartRecord] = ()):
        self.kind: Kind = NULL
        self._adding = threading.Lock()
        for part in parts:
            self.add(part)

    def add(self, part: PartRecord) -> None:
        """Raises MixedTypes, with the part's first index."""
        if part.rows <= part.nulls:
            return
        with self._adding:
            try:
                self.kind = common(self.kind, part.kind)
            except MixedTypes as error:
                raise error.met(
                    f"first met in the part that begins with item {part.first_index}"
                ) from None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of one result folder, in order."""

    strategy: str
    parts: tuple[PartRecord, ...]
    source: dict[str, Any] = field(default_factory=dict)
    """The fingerprint of the input: path, bytes, sha256."""
    function: dict[str, Any] = field(default_factory=dict)
    """The name and the fingerprint of the function."""

    def __post_init__(self) -> None:
        expected = 0
        for position, part in enumerate(self.parts):
            if part.number != position or part.first_index != expected:
                raise ValueError(
                    f"part {part.number} begins at item {part.first_index}, but part {position} "
                    f"should begin at item {expected}: a part is missing, doubled or misplaced"
                )
            expected += part.items
        Kinds(self.parts)

    @property
    def items(self) -> int:
        """Of the input."""
        return sum(part.items for part in self.parts)

    @property
    def rows(self) -> int:
        """Of the results: as many as items, but for those that failed and were left out."""
        return sum(part.rows for part in self.parts)

    @property
    def failed(self) -> int:
        """Items that were put into quarantine."""
        return sum(part.failed for part in self.parts)

    @property
    def digest(self) -> str:
        from fanout_pipeline.results.store.digest import combined

        return combined(part.digest for part in self.parts)

    @property
    def kind(self) -> Kind:
        """Of all results together, which readers give them."""
        return Kinds(self.parts).kind

    @property
    def python_values(self) -> bool:
        """Whether readers give Python values, as pandas' dtype for them does not hold what is there.

        Those of integers hold none beyond 64 bits, and like that of bool no null.
        """
        kind = self.kind
        if not isinstance(kind, str) or kind in (INTEGER_KIND, DECIMAL_KIND):
            return True
        return kind.startswith(("int", "uint", "bool")) and any(part.nulls for part in self.parts)

    def save(self, folder: Path) -> None:
        record = {"format": FORMAT, "items": self.items, "digest": self.digest} | asdict(self)
        write_text(folder / MANIFEST, json.dumps(record, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Raises NoResults where there is no manifest or it is not one of ours."""
        try:
            record = json.loads((folder / MANIFEST).read_text())
            if record["format"] != FORMAT:
                raise NoResults(
                    f"{folder} was written in format {record['format']}, this version reads "
                    f"format {FORMAT}: materialize the asset again."
                )
            parts = tuple(PartRecord(**part) for part in record["parts"])
            return cls(record["strategy"], parts, record["source"], record["function"])
        except (FileNotFoundError, NotADirectoryError):
            raise NoResults(
                f"{folder} holds no complete results: materialize its asset first."
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise NoResults(
                f"{folder / MANIFEST} is damaged ({error}): materialize the asset again."
            ) from error


def part_name(number: int) -> str:
    """The file name of a part. Five digits sort as text up to 99,999 parts."""
    return f"part-{number:05d}.parquet"


def failed_name(number: int) -> str:
    """The name of the file beside a part that lists its failed items until the commit."""
    return f"failed-{number:05d}.parquet"
