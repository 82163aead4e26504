"""Which item of a chunk ends worker processes: found by doing the chunk of a dead worker again.

    a worker dies with a chunk ----> the chunk again, with each call announced
      it dies outside of any call -> again, later in halves; after five such deaths the run ends
      it dies in an item's call ---> what is before the item again, what is after it again, and the
                                     item alone, in a worker that has done nothing else
                                       it lives: its result is as good as any other
                                       it dies:  the item is guilty and has failed (if the worker was
                                                 killed from outside, which may be chance: once more)
    a call takes too long ---------> the same, but the item has failed at once

Nothing here knows about processes or clocks, so that any sequence of deaths can be tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from fanout_pipeline.engine.calls.call_log import Call
from fanout_pipeline.engine.calls.retry import Tries
from fanout_pipeline.engine.model.errors import Failure, WorkerDied, failure_from
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.sources.source import Chunk

_DEATHS = 5
"""The run ends after this many deaths with one chunk from which nothing was learnt."""
_WHOLE_DEATHS = 2
"""A chunk is halved after this many: it may be too large for the worker's memory."""
_FOREIGN_DEATHS = 2
"""An item is guilty when it was found this many times in a worker that somebody else killed."""
_PATIENCE = 2.0
"""Calls are announced for this many times the seconds that the dead worker had; items after that are not suspect."""

_NO_STACK = "It left no traceback."


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended while it had a chunk."""

    how: str
    """A predicate of the worker process: "was killed by SIGSEGV"."""
    seconds: float
    """How long the worker had the chunk."""
    begun: bool = True
    """Whether the worker had begun the chunk."""
    late: bool = False
    """Whether we ended the worker because a call took too long."""
    foreign: bool = False
    """Whether it may have been killed for reasons that have nothing to do with its items."""
    after_calls: bool = False
    """Whether all calls had ended, and the worker was writing their results or handing them back."""
    in_setup: bool = False
    """Whether it was making the value that `setup` makes."""
    stack: str = ""
    """Where in the code the worker was, as far as known."""
    call: Call | None = None
    """The call in which the worker died, as far as it was announced."""

    def log_line(self, pid: int, chunk: Chunk) -> str:
        how = f"was ended because a call {self.how}" if self.late else self.how
        return (
            f"{f'worker process {pid}' if pid else 'a worker process'} {how}; another one redoes its chunk ({chunk.start:,} to "
            f"{chunk.stop:,} of the input)"
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A chunk whose worker died in the call of an item."""

    before: Chunk | None
    item: Chunk
    after: Chunk | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A range of the source with which a worker has died, or a part of one."""

    chunk: Chunk
    """The range; the number is that of the chunk that was lost."""
    alone: bool = False
    """Whether it is one item, in whose call a worker died."""
    failure: Failure | None = None
    """The failure of its only item."""
    seconds: float = 0.0
    """How long calls are to be announced."""
    deaths: int = 0
    """Deaths since something was last learnt about it."""
    found: int = 0
    """How often a worker died in the item's call when it did nothing else."""
    tries: int = 0
    """Failed calls of the one item."""
    due: float = -math.inf
    """The earliest time for doing it again."""


@dataclass(slots=True)
class Suspects:
    """All ranges of one run that wait to be done again."""

    policy: FailurePolicy
    workers: int
    _waiting: list[Suspect] = field(default_factory=list)
    _unbegun_deaths: int = 0
    """Deaths in a row of workers that had not begun anything."""
    _guilty_items: int = 0
    """Guilty items in a row, with nothing done in between."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, now: float) -> Suspect | None:
        """The first in input order that is due; None if there is none."""
        due = [suspect for suspect in self._waiting if suspect.due <= now]
        if not due:
            return None
        first = min(due, key=lambda suspect: suspect.chunk.start)
        self._waiting.remove(first)
        return first

    def next_due(self) -> float:
        """When the first is due; infinite if none waits."""
        return min((suspect.due for suspect in self._waiting), default=math.inf)

    def done(self, suspect: Suspect | None, seconds: float, rest: Chunk | None) -> Chunk | None:
        """A chunk was done in so many seconds, up to `rest`. Returns the rest if it is not suspect.

        `suspect` is None where the chunk was not suspect.
        """
        self._unbegun_deaths = 0
        if suspect is None or suspect.failure is None:
            self._guilty_items = 0
        if suspect is None or rest is None:
            return rest
        left = suspect.seconds - seconds
        if left <= 0:
            return rest
        self._waiting.append(replace(suspect, chunk=rest, seconds=left, deaths=0))
        return None

    def died(
        self,
        chunk: Chunk,
        suspect: Suspect | None,
        death: Death,
        split: Split | None,
        now: float,
    ) -> None:
        """A worker died with a chunk, which was this suspect or none; `split` is around the item in whose call.

        Raises WorkerDied where nothing would be learnt from doing it again.
        """
        before = suspect or Suspect(chunk)
        if death.in_setup and not death.foreign:
            raise _given_up(f"A worker process {death.how}", death)
        if not death.begun:
            self._unbegun_deaths += 1
            # All of them may have been killed at once, and then those that replaced them. A setup may take minutes.
            spare = (
                self.workers + _FOREIGN_DEATHS if death.in_setup else 2 * (self.workers + _DEATHS)
            )
            if self._unbegun_deaths >= spare:
                raise _given_up(
                    f"{self._unbegun_deaths} worker processes in a row ended before they had begun any "
                    f"work. The last one {death.how}",
                    death,
                )
            self._waiting.append(replace(before, chunk=chunk))
        elif split is None:
            self._again(replace(before, chunk=chunk, deaths=before.deaths + 1), death, now)
        else:
            self._suspect_item(before, split, death, now)

    def _again(self, suspect: Suspect, death: Death, now: float) -> None:
        """A worker died with it, and nobody knows in which call."""
        chunk, deaths = suspect.chunk, suspect.deaths
        if deaths >= _DEATHS and suspect.alone and death.after_calls:  # Its result is too large.
            self._failed(suspect, death, now)
            return
        if deaths >= _DEATHS:
            raise _given_up(
                f"{_DEATHS} worker processes ended while they had the same chunk, {chunk.start:,} to "
                f"{chunk.stop:,} of the input, but outside of any call of the function. "
                f"The last one {death.how}",
                death,
            )
        again = replace(suspect, seconds=max(suspect.seconds, _PATIENCE * death.seconds))
        middle = (chunk.start + chunk.stop) // 2
        if deaths < _WHOLE_DEATHS or suspect.alone or suspect.failure or middle == chunk.start:
            self._waiting.append(again)
            return
        for half in (replace(chunk, stop=middle), replace(chunk, start=middle)):
            self._waiting.append(replace(again, chunk=half))

    def _suspect_item(self, suspect: Suspect, split: Split, death: Death, now: float) -> None:
        """A worker died in the call of a known item of it."""
        seconds = suspect.seconds
        if not death.late:
            seconds = max(seconds, _PATIENCE * death.seconds)
        for chunk in (split.before, split.after):
            if chunk is not None:
                self._waiting.append(Suspect(chunk, seconds=seconds))
        item = replace(suspect, chunk=split.item, alone=True, seconds=math.inf, deaths=0)
        found = suspect.found + suspect.alone
        if death.late or found >= (_FOREIGN_DEATHS if death.foreign else 1):
            self._failed(item, death, now)
        else:
            self._waiting.append(replace(item, found=found))

    def _failed(self, item: Suspect, death: Death, now: float) -> None:
        """An item is guilty; it is tried again if the policy says so.

        Raises WorkerDied where every item seems to be guilty.
        """
        self._unbegun_deaths = 0
        self._guilty_items += 1
        if self._guilty_items > 2 * (self.workers + _DEATHS):
            raise _given_up(
                f"{self._guilty_items} calls in a row ended their worker processes, and none succeeded "
                "in between: perhaps the first call in a process takes too long or too much memory (a "
                f"large import or model). The last one {death.how}",
                death,
            )
        error = TimeoutError(death.how) if death.late else WorkerDied(_alone(death))
        tries = Tries(self.policy, error)
        tries.made = item.tries + 1
        seconds_to_wait = tries.wait_seconds()
        if seconds_to_wait is not None:
            due = now + seconds_to_wait
            self._waiting.append(replace(item, tries=tries.made, found=0, deaths=0, due=due))
        else:
            failure = replace(
                failure_from(error, "", tries.made), traceback=death.stack or _NO_STACK
            )
            self._waiting.append(replace(item, failure=failure))


def _alone(death: Death) -> str:
    return f"the worker process that was given only this item {death.how}"


def _given_up(what: str, death: Death) -> WorkerDied:
    stack = f"\n\nIn the worker:\n{death.stack}" if death.stack else ""
    return WorkerDied(
        f"{what}. Nothing was committed; earlier results are unchanged. Run again, with "
        f"fewer workers if memory ran short.{stack}"
    )
