"""What a run with a key must call and give, as the table in docs/incremental.md says it: rules in a few lines, no files."""

import dataclasses
from collections import Counter
from typing import Any


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the input. One that is spoilt cannot be read."""

    key: Any
    a: int
    b: int
    note: str
    spoilt: bool = False


@dataclasses.dataclass(frozen=True)
class Known:
    """What a call has given."""

    content: str
    value: Any
    failed: bool
    maker: tuple
    """The function, what it depends on and the result type."""
    certain: bool = True
    """Whether it is certain that it was recorded: not of a call in flight where a run died."""


CALL = object()
"""What may become of an item, in place of something known that it keeps."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """A row of the results."""

    key: str | None
    note: str | None
    known: Known | None
    """None of a row that could not be read, or is left out."""
    is_left_out: bool = False
    """Whether another one has the same key."""

    @property
    def is_good(self):
        return self.known is not None and not self.known.failed


class Model:
    """The results of a folder, and what the next run must call."""

    def __init__(self, content_of):
        self.content_of = content_of
        """The text of what the function is given of a row."""
        self.shown: list[Shown] = []
        self.maker: tuple | None = None
        """Of the last run that has shown something."""
        self.dead: dict[str, list[Known]] = {}
        """What runs have finished that died since the last commit, the latest first."""

    @property
    def committed(self):
        """What is visible, by its key."""
        return {one.key: one.known for one in self.shown if one.known is not None}

    def has_other_type(self, maker):
        """Whether results are visible that were made for another result type."""
        return self.maker is not None and self.maker[-1] != maker[-1]

    def begin(self, maker):
        """A run begins, which need not keep what runs of another function have left."""
        for key, known in self.dead.items():
            self.dead[key] = [
                one if one.maker == maker else dataclasses.replace(one, certain=False)
                for one in known
            ]

    def outcomes(self, rows, counting, items, maker):
        """What may become of each row that counts: one of a few, and exactly one where no run has died."""
        committed = self.committed
        return [
            self._of(row, committed, items, maker) if counts else ()
            for row, counts in zip(rows, counting, strict=True)
        ]

    def _of(self, row, committed, items, maker):
        dead, before = self.dead.get(str(row.key), []), committed.get(str(row.key))
        known = dead + ([] if before is None else [before])
        content = self.content_of(row)
        good = [one for one in known if (one.content, one.maker) == (content, maker)]
        good = [one for one in good if not one.failed]
        if items == "all":  # A run of the same that died may have done it.
            return (CALL, *(one for one in good if one in dead))
        if good:
            certain = any(one.certain for one in good)
            return (*good, *([] if certain else [CALL]))
        if before is None or items == "changed" or (items == "failed" and before.failed):
            return (CALL,)
        return (before,)

    def least_and_most(self, rows, outcomes):
        """Which contents are called at least and at most, counted."""
        pairs = list(zip(rows, outcomes, strict=True))
        least = Counter(self.content_of(row) for row, may in pairs if may == (CALL,))
        return least, Counter(self.content_of(row) for row, may in pairs if CALL in may)

    def died(self, rows, counting, outcomes, calls, maker, known_of, certain):
        """A run has ended early after these calls, of which the last was in flight.

        Unless it is `certain` that they were made in order, any row of the same content may be the one that was called.
        """
        left = list(calls)
        for row, counts, may in zip(rows, counting, outcomes, strict=True):
            if left and counts and CALL in may and self.content_of(row) in left:
                content = self.content_of(row)
                if content != left[0] and certain:
                    continue
                if certain:
                    left.remove(content)
                value, failed = known_of(row)
                found = Known(content, value, failed, maker, certain)
                self.dead.setdefault(str(row.key), []).insert(0, found)

    def commit(self, shown, maker):
        """A run has shown these."""
        self.shown, self.maker = shown, maker
        self.dead = {}
