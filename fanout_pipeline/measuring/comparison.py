"""The strategies of one fan-out side by side: ratios, efficiency, the article's sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any


class NotComparable(Exception):
    """The recorded runs did not do the same work. The message says which asset to re-materialize."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one strategy's latest run recorded: a selection of its metadata, by the same names."""

    strategy: str
    wall_seconds: float
    start_seconds: float
    items: int
    workers: int
    in_order: bool
    missing: int
    duplicated: int
    wrong: int
    digest: str
    input_sha256: str
    function_fingerprint: str
    first_10_results: list[Any]
    overlapped_with: list[str]

    @property
    def correct(self) -> bool:
        return self.in_order and not (self.missing or self.duplicated or self.wrong)

    @classmethod
    def from_metadata(cls, strategy: str, metadata: dict[str, Any]) -> Measured:
        """Raises NotComparable where the metadata lacks something: an older version wrote it."""
        names = [field.name for field in fields(cls) if field.name != "strategy"]
        lacking = [name for name in names if name not in metadata]
        if lacking:
            raise NotComparable(
                f"The last run of {strategy} recorded no {', '.join(lacking)}: re-materialize it."
            )
        return cls(strategy, **{name: metadata[name] for name in names})


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy in relation to the reference."""

    measured: Measured
    ratio: float | None
    """Its time divided by the reference's; None where there is nothing to divide."""

    @property
    def speedup(self) -> float | None:
        return 1 / self.ratio if self.ratio else None

    @property
    def efficiency(self) -> float | None:
        """Speed-up for each worker: 1.0 is all that the workers could give."""
        return self.speedup / self.measured.workers if self.speedup else None

    @property
    def items_per_second(self) -> float:
        return self.measured.items / self.measured.wall_seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """All strategies of one fan-out, the reference first."""

    name: str
    reference: str
    rows: tuple[Row, ...]

    @property
    def items(self) -> int:
        return self.rows[0].measured.items

    def row(self, strategy: str) -> Row | None:
        return next((row for row in self.rows if row.measured.strategy == strategy), None)


def compare(name: str, reference: str, measured: Sequence[Measured]) -> Comparison:
    """Relate each strategy to the reference.

    Raises NotComparable where they did not read the same bytes or call the same function.
    """
    base = next(one for one in measured if one.strategy == reference)
    for one in measured:
        for what, ours, theirs in (
            ("input", one.input_sha256, base.input_sha256),
            ("function", one.function_fingerprint, base.function_fingerprint),
        ):
            if ours != theirs:
                raise NotComparable(
                    f"{name}/{one.strategy} was made from another {what} ({ours[:12]}…) than "
                    f"{name}/{reference} ({theirs[:12]}…). Re-materialize {name}/{one.strategy}, "
                    f"or {name}/{reference} if that is the older one, then compare again."
                )
    rows = [
        Row(one, one.wall_seconds / base.wall_seconds if base.items else None) for one in measured
    ]
    return Comparison(name, reference, tuple(rows))


def sentence(comparison: Comparison, strategy: str) -> str:
    """The article's last line for one strategy."""
    row = comparison.row(strategy)
    if row is None or row.ratio is None:
        return f"{strategy} cannot be compared with {comparison.reference}: there are no items."
    if row.ratio >= 1:
        return f"{strategy} was {row.ratio:.2f} times slower than {comparison.reference}."
    return f"{strategy} was {1 / row.ratio:.2f} times faster than {comparison.reference}."
