"""What a run needs of one of its workers, wherever that works: a process of this machine, or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from fanout_pipeline.engine.calls.call_log import CallLog
from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.workers.limits import Memory, Termination
from fanout_pipeline.engine.workers.protocol import Order
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.manifest import PartRecord


class Worker(Protocol):
    """One process that calls. Another takes its place once it is closed."""

    pid: int
    """Its process id, on its machine."""
    fresh: bool
    """Whether it was never given a chunk."""
    closed: bool
    """Whether it is of no use any more: another has to be started in its place."""
    sent_bytes: int
    """Size of all messages to and from it."""
    end: int | None
    """A descriptor that becomes readable when it ends, unless its channel says so, too."""
    call_log: CallLog
    """What it says of the calls that it is in, as far as that is seen from here."""

    def fileno(self) -> int:
        """A descriptor that is readable while there is a message, or after its end."""

    def introduce(self, message: bytes) -> None:
        """Have it know the work of a run before the first chunk of it."""

    def assign(self, order: Order, message: bytes) -> None:
        """Give it a chunk; `message` is the order, pickled."""

    def send(self, message: Any) -> None: ...

    def send_pickled(self, message: bytes) -> None:
        """Send. Whether it has ended is found out where its messages are read, not here."""

    def receive_ready(self) -> Any | None:
        """The next message if all of it is there, else None. Raises EOFError where none will come."""

    def readable(self) -> bool:
        """Whether there is something to receive."""

    def wait_readable(self, seconds: float) -> None:
        """Wait until something can be read, at most so long. Raises EOFError where nothing ever will be."""

    def should_be_replaced(self, memory: Memory) -> bool:
        """Whether another should take its place, now that a chunk is done."""

    def ask_for_stack(self) -> None: ...

    def has_ended(self) -> bool: ...

    def ended(self) -> str:
        """Wait for its end; how it ended, in words."""

    def death(self, chunk: int, how: str, termination: Termination | None, since: float) -> Death:
        """What is known of its death in this chunk, on which it worked `since` then (time.monotonic)."""

    def kill(self) -> None:
        """End it, without waiting for that."""

    def retire(self) -> None:
        """Let it end, and close it."""

    def close(self) -> None: ...


W = TypeVar("W", bound=Worker)


class Workers(Generic[W]):
    """The workers of a crew, by their slots."""

    watched = True
    """Whether this process ends those that go beyond limits, and cuts what takes too long. If not, others do."""

    shortest_seconds = 0.02
    """A piece of work that takes less does not pay for its way there and back."""

    def __init__(self, start: Callable[[], W]):
        self._start = start
        self._current: list[W] = []
        self.ever: list[W] = []
        """All workers, including those that have died or were replaced."""

    def __len__(self) -> int:
        return len(self._current)

    def __iter__(self) -> Iterator[W]:
        return iter(self._current)

    def __getitem__(self, slot: int) -> W:
        return self._current[slot]

    def add(self) -> None:
        """Start a worker in a slot of its own."""
        with interrupts_held():
            self._current.append(self._started())

    def replace(self, slot: int) -> None:
        """Start a worker in place of one that is closed, without waiting for its answer."""
        with interrupts_held():
            self._current[slot] = self._started()

    def _started(self) -> W:
        worker = self._start()
        self.ever.append(worker)
        return worker

    def look_after(self, add: Callable[[], object]) -> None:
        """Take up what has changed: some may have left, and `add` has one more where there is room."""

    def can_work(self, slot: int) -> bool:
        """Whether there is a worker in a slot, or room for one."""
        return True

    def are_apart(self, slot: int, other: int) -> bool:
        """Whether what slows the worker of one slot down may leave that of the other alone."""
        return False

    def accept(self, generation: Generation, part: PartRecord) -> None:
        """A worker has written a part, which counts from now on."""

    @property
    def sent_bytes(self) -> int:
        """Size of all messages to and from workers."""
        return sum(worker.sent_bytes for worker in self.ever)
