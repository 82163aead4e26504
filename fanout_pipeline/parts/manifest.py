"""The record that makes a result folder whole: what it holds, from what, in which parts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fanout_pipeline.parts.atomic import write_text
from fanout_pipeline.parts.digest import combined

MANIFEST = "_manifest.json"
FORMAT = 1


class NoResults(Exception):
    """A folder holds no complete results. The message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What a worker answers with when it has written a part."""

    number: int
    """The chunk's number; the part is `part-<number>.parquet`."""
    first_index: int
    items: int
    digest: str
    integer_text: bool
    """Whether the results are integers stored as decimal text."""
    bytes: int
    """Size of the part file."""
    pid: int
    read_seconds: float = 0.0
    call_seconds: float = 0.0
    """Time in the user's function, over all items."""
    write_seconds: float = 0.0


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

    @property
    def items(self) -> int:
        return sum(part.items for part in self.parts)

    @property
    def digest(self) -> str:
        return combined(part.digest for part in self.parts)

    @property
    def integer_text(self) -> bool:
        """Whether any part stores integers as text; readers then give Python ints throughout."""
        return any(part.integer_text for part in self.parts)

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
        except FileNotFoundError:
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
