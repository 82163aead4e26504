"""Which strategies may be the best, and what choosing another may cost at most (Hsu 1984)."""

from __future__ import annotations

from collections.abc import Sequence

from fanout_pipeline.measuring.comparison.comparison import Row
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.statistics.inference import Claim


class Bests:
    """Strategies compared with each other, each pair in the rounds in which both ran."""

    def __init__(self, rows: Sequence[Row], paired: PairedTrials):
        self._rows = [row for row in rows if row.claim is not Claim.TOO_FEW]
        self.unknown = [row for row in rows if row.claim is Claim.TOO_FEW]
        """Those that ran in one round: they are compared with no other."""
        self._paired = paired
        self.possible = [row for row in self._rows if not self._is_beaten(row)]
        """Those that no other is shown to be faster than."""

    def times_best(self, row: Row) -> float:
        """At most so many times as long as the best it takes, whichever the best is."""
        return max([1.0, *(self._ends(row, one)[1] for one in self.possible if one is not row)])

    def _is_beaten(self, row: Row) -> bool:
        return any(self._ends(row, other)[0] > 1 for other in self._rows if other is not row)

    def _ends(self, row: Row, other: Row) -> tuple[float, float]:
        """The interval of the ratio of two; where they had no two rounds in common, that of their ratios."""
        found = self._paired.ratio(row.strategy, other.strategy)
        if found is not None and found.low is not None and found.high is not None:
            return found.low, found.high
        ours, theirs = _ends_of(row), _ends_of(other)
        return ours[0] / theirs[1], ours[1] / theirs[0]


def _ends_of(row: Row) -> tuple[float, float]:
    assert row.cold is not None
    return row.cold.low or 0.0, row.cold.high or float("inf")
