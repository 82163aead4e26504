"""What the assets recorded when they were made, for a comparison to be checked against."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


class NotComparable(Exception):
    """The recorded runs did not do the same work. The message says which asset to re-materialize."""


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """What a strategy's asset recorded when it was made: some of its metadata, under the same names."""

    strategy: str
    items: int
    in_order: bool
    missing: int
    duplicated: int
    wrong: int
    input_sha256: str
    function_fingerprint: str
    first_10_results: list[Any]
    overlapped_with: list[str]

    @classmethod
    def from_metadata(cls, strategy: str, metadata: dict[str, Any]) -> AssetRecord:
        """Raises NotComparable where an older version wrote the metadata and something is missing."""
        names = [field.name for field in fields(cls) if field.name != "strategy"]
        missing = [name for name in names if name not in metadata]
        if missing:
            raise NotComparable(
                f"The last run of {strategy} recorded no {', '.join(missing)}: re-materialize it."
            )
        return cls(strategy, **{name: metadata[name] for name in names})

    @property
    def out_of_place(self) -> int:
        """At least so many results."""
        return int(not self.in_order)
