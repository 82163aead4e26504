"""What is done about a worker that has died with a chunk."""

from __future__ import annotations

import time
from dataclasses import replace

from fanout_pipeline.engine.calls.call_log import Announce
from fanout_pipeline.engine.calls.setup_errors import setup_name
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.assignments import Assignment, Assignments, split_at
from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.progress import Progress

_LOGGED = 20
"""How many are logged; the rest are not."""


class Deaths:
    """Those of the workers of one run."""

    def __init__(
        self, work: Work, assignments: Assignments, progress: Progress, announce: Announce
    ):
        self._work = work
        self._assignments = assignments
        self._progress = progress
        self.announce = announce
        """What workers announce of the calls of chunks that nobody suspects."""
        self._count = 0

    def died(self, assignment: Assignment, death: Death, pid: int) -> None:
        """Find out which of the chunk's items may be to blame, and have the chunk done again.

        Raises WorkerDied where nothing would be learnt from that.
        """
        if death.in_setup and self._work.setup is not None:
            how = f"{death.how} while setup {setup_name(self._work.setup)} was called"
            death = replace(death, how=how)
        chunk, call, split = assignment.chunk, death.call, None
        if death.begun and call is not None and call.item is not None:
            split = split_at(self._work.source, chunk, call.item)
        elif death.late:  # One of a slice of items that had been quick so far.
            self.announce = Announce.EACH
        self._count += 1
        if self._count <= _LOGGED:
            self._progress.log(death.log_line(pid, chunk))
        self._assignments.died(assignment, death, split, time.monotonic())
