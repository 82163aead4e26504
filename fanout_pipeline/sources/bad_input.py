"""What is wrong with an input, or with one item of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class BadInput(Exception):
    """The input cannot be read as what it should be.

    The message names the input, the place in it where there is one, the offending text, shortened,
    and what to do.
    """


class BadItem(BadInput):
    """There is something about one of some items that a run with a key cannot do with."""

    def __init__(self, position: int, reason: str, advice: str):
        super().__init__(f"The item at position {position} {reason}. {advice}")
        self.position = position
        """Among the items of a chunk, from 0."""
        self.reason = reason
        """A predicate: "has no key: 'id' is None"."""
        self.advice = advice

    def at(self, where: str) -> BadInput:
        """The same with the place of the item in the input."""
        return BadInput(f"{where} {self.reason}. {self.advice}")

    def moved_to(self, position: int) -> BadItem:
        """The same, by the position among other items."""
        return type(self)(position, self.reason, self.advice)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.position, self.reason, self.advice)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for an item whose record cannot be read, though it is certain where it begins and ends."""

    text: str
    """The record in printable text, shortened."""
    reason: str
    """What is wrong with it, as a predicate: "is not an integer"."""
    advice: str
    """What to do, in whole sentences."""

    def at(self, where: str) -> BadInput:
        """The error that ends a run which cannot do without the record."""
        return BadInput(f"{where} {self.reason}: {self.text}. {self.advice}")
