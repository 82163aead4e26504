"""What the calls of a run have taken so far, and what that says of those that are left."""

from __future__ import annotations

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.scheduling.choose import Outlook
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.results.store.manifest import PartRecord

_LONG_SECONDS = 0.02
"""A chunk in progress says something once it has taken this long."""
_TURNS = 0.05
"""From this share of the time on calls wait for their turn."""


class CallsSoFar:
    """The calls of one run."""

    def __init__(self, plan: ChunkPlan, items_are_units: bool = False):
        """`items_are_units`: of the source."""
        self._plan = plan
        self._items_are_units = items_are_units
        self.items = 0
        """How many items were called, in chunks that are done."""
        self.wall_seconds = self.cpu_seconds = 0.0
        """What they took."""
        self._recent_wall = self._recent_cpu = self._recent_turns = 0.0
        """The same, where a chunk counts half as much as the next; and how long they waited for their turn."""

    def saw(self, part: PartRecord) -> None:
        """A chunk was done."""
        wall = busy_seconds(part)
        cpu = part.call_cpu_seconds + part.read_seconds + part.write_seconds
        self.items += part.items
        self.wall_seconds += wall
        self.cpu_seconds += cpu
        self._recent_wall = self._recent_wall / 2 + wall
        self._recent_turns = self._recent_turns / 2 + part.wait_seconds
        self._recent_cpu = self._recent_cpu / 2 + cpu

    @property
    def wait_for_turns(self) -> bool:
        """Whether calls wait until the limits of the run allow them: more of them would wait longer."""
        return self._recent_turns > _TURNS * self._recent_wall

    def outlook(self, look: Look | None = None) -> Outlook | None:
        """What is known now; None where that is nothing. `look`: at a chunk in progress."""
        left = self._plan.left_seconds()
        wall, cpu = self._recent_wall, self._recent_cpu
        if self._plan.awaits:  # As much again as so far, for all that anybody knows.
            left = max(left, self.wall_seconds)
        if look is not None and look.seconds >= _LONG_SECONDS:
            wall, cpu = wall + look.seconds, cpu + look.cpu_seconds
            left = max(left, self._left_by(look))
        if not wall:
            return None
        return Outlook(left, min(1.0, cpu / wall))

    def _left_by(self, look: Look) -> float:
        """How long what is left would take at the pace of the chunk in progress."""
        if not self._items_are_units:
            return look.seconds  # as long as so far
        unit = look.seconds / (look.items + 1)
        return unit * (self._plan.left_units() + max(0, look.size - look.items - 1))
