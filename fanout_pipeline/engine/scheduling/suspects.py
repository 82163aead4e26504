"""What a dead worker's chunk is suspected of: which item of it ends workers, found by doing it again.

    a worker dies with a chunk ----> the chunk again, each call announced
      dies outside of any call ----> again, later in halves; after five such deaths the run ends
      dies in the call of an item -> what lies before it again, what lies after it again, and
                                     the item alone, by a worker that has done nothing else
                                       lives: its result is as good as any other
                                       dies:  it is guilty, and has failed (if it was killed
                                              from outside: once more, that may be chance)
    a call takes too long ---------> the same, but the item has failed at once

Nothing here knows of processes or of time, so that any sequence of deaths can be tried out.
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
"""So many without anything learnt are enough."""
_WHOLE_DEATHS = 2
"""After so many a chunk is halved: it may be too large, for the worker's memory."""
_FOREIGN_DEATHS = 2
"""So many times an item must be found in a worker that somebody killed before it is guilty."""
_PATIENCE = 2.0
"""Announced calls go on for so many times the seconds that the dead worker had; then the items
that follow are as unsuspected as any."""

_NO_STACK = "It has left no traceback."


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended while it had a chunk."""

    how: str
    """What follows "Worker process 123": "was killed by SIGSEGV"."""
    seconds: float
    """How long it had the chunk."""
    begun: bool = True
    """It had taken the chunk up."""
    late: bool = False
    """It was ended by us in a call that took too long."""
    foreign: bool = False
    """Somebody may have killed it who knows nothing of its items: the kernel, an operator."""
    after_calls: bool = False
    """Its calls had ended; it wrote their results, or handed them back."""
    stack: str = ""
    """Where in the code it was, as far as known."""
    call: Call | None = None
    """The call that it died in, as far as it was announced."""

    def told(self, pid: int, chunk: Chunk) -> str:
        """A line for the log."""
        how = f"was ended, for a call {self.how}" if self.late else self.how
        return (
            f"worker process {pid} {how}; what it had, {chunk.start:,} to {chunk.stop:,} of "
            "the input, is taken up by another"
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A chunk whose worker died in the call of an item."""

    before: Chunk | None
    item: Chunk
    after: Chunk | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A range of the source that a worker has died with, or a part of one."""

    chunk: Chunk
    """Its number is that of the chunk that was lost."""
    alone: bool = False
    """It is one item, in the call of which a worker died."""
    failure: Failure | None = None
    """It is one item, and has failed."""
    seconds: float = 0.0
    """For so long calls are announced."""
    deaths: int = 0
    """Since something was learnt of it."""
    found: int = 0
    """So often a worker died in its call when it was alone."""
    tries: int = 0
    """Calls of the one item that failed."""
    due: float = -math.inf
    """Not to be done before."""


@dataclass(slots=True)
class Suspects:
    """All ranges of one run that wait for being done again."""

    policy: FailurePolicy
    workers: int
    _waiting: list[Suspect] = field(default_factory=list)
    _unbegun_deaths: int = 0
    """In a row, of workers that died before they did anything."""
    _guilty_items: int = 0
    """In a row, with nothing done in between."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, now: float) -> Suspect | None:
        """The first in the input's order that is due; None if there is none."""
        due = [suspect for suspect in self._waiting if suspect.due <= now]
        if not due:
            return None
        first = min(due, key=lambda suspect: suspect.chunk.start)
        self._waiting.remove(first)
        return first

    def next_due(self) -> float:
        """When the first of those that wait is due; infinite if none waits."""
        return min((suspect.due for suspect in self._waiting), default=math.inf)

    def done(self, suspect: Suspect | None, seconds: float, rest: Chunk | None) -> Chunk | None:
        """A chunk was done, in so many seconds, up to `rest`; gives what is unsuspected of that.

        `suspect` is None where it was not one.
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
        """A worker died with a chunk, given out as this suspect or as none, or in the call of an item of it.

        Raises WorkerDied where doing it again would teach nothing.
        """
        before = suspect or Suspect(chunk)
        if not death.begun:
            self._unbegun_deaths += 1
            # All of them may have been killed at once, and those in their places.
            if self._unbegun_deaths >= 2 * (self.workers + _DEATHS):
                raise _given_up(
                    f"{self._unbegun_deaths} worker processes in a row ended before they began any "
                    f"work. The last one {death.how}",
                    death,
                )
            self._waiting.append(replace(before, chunk=chunk))
        elif split is None:
            self._again(replace(before, chunk=chunk, deaths=before.deaths + 1), death, now)
        else:
            self._suspect_item(before, split, death, now)

    def _again(self, suspect: Suspect, death: Death, now: float) -> None:
        """A worker died with it, nobody knows where."""
        chunk, deaths = suspect.chunk, suspect.deaths
        if deaths >= _DEATHS and suspect.alone and death.after_calls:  # Its result is too large.
            self._failed(suspect, death, now)
            return
        if deaths >= _DEATHS:
            raise _given_up(
                f"{_DEATHS} worker processes ended with the same chunk, {chunk.start:,} to "
                f"{chunk.stop:,} of the input, outside of any call of the function. "
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
        """A worker died in the call of an item of it, and in which is known."""
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
        """It is guilty; it is tried again if that is worth it.

        Raises WorkerDied where every item seems to be.
        """
        self._unbegun_deaths = 0
        self._guilty_items += 1
        if self._guilty_items > 2 * (self.workers + _DEATHS):
            raise _given_up(
                f"{self._guilty_items} calls in a row ended their worker processes, and none succeeded "
                "in between: it may be the first call in a process that takes too long, or too much "
                f"memory (a large import or model). The last one {death.how}",
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
    return f"the worker process that called it, and nothing else, {death.how}"


def _given_up(what: str, death: Death) -> WorkerDied:
    stack = f"\n\nIn the worker:\n{death.stack}" if death.stack else ""
    return WorkerDied(
        f"{what}. Nothing was made visible; earlier results are as they were. Run again; with "
        f"fewer workers if memory was short.{stack}"
    )
