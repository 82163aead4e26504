"""What units of a source have taken lately, and what is left of chunks that were begun."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """What a unit of the source has taken lately: each piece counts half as much as the next."""

    size: float = 0.0
    seconds: float = 0.0
    doubtful: bool = False
    """Whether it is the pace of a piece that took longer than expected, perhaps all of it at the end."""

    def saw(self, size: int, seconds: float) -> None:
        self.doubtful = False
        self.size = self.size / 2 + size
        self.seconds = self.seconds / 2 + seconds

    def or_else(self, other: Pace) -> float:
        """Seconds per unit; the other's where nothing was seen yet; 0 where neither has seen any."""
        known = self if self.size and self.seconds else other
        return known.seconds / known.size if known.size else 0.0


@dataclass(order=True, slots=True)
class Range:
    """What is left of a chunk that was begun."""

    start: int
    stop: int
    pace: Pace = field(compare=False, default_factory=Pace)

    @property
    def size(self) -> int:
        return self.stop - self.start
