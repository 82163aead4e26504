"""What has arrived of an input that is spooled, as chunks, while calls go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from fanout_pipeline.engine.model.arrivals import Arrivals, New
from fanout_pipeline.engine.scheduling.resume import gaps
from fanout_pipeline.results.store.ledger import Finished
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline.sources.spool.spool import Spool


class SpoolArrivals(Arrivals):
    """All of a spool that is not finished, from its beginning on. See `Arrivals`."""

    def __init__(
        self,
        spool: Spool,
        finished: Iterable[Finished] = (),
        log: Callable[[str], object] = lambda line: None,
    ):
        self._spool = spool
        self._log = log
        self._finished = deque(finished)
        self._finished_size = sum(one.stop - one.start for one in self._finished)
        self.longest = spool.source.CHUNK_SIZE
        self._seen = 0

    def new(self) -> New:
        units, ended, error = self._spool.so_far
        if error is not None and not self._spool.is_consumed:
            return New([], ended=True, failed=True)
        if error is not None:
            self._log(f"Warning: {error}. What came before is called with, and then the run ends.")
        chunks: list[Chunk] = []
        for start, stop in gaps([(self._seen, units)], self._finished):
            for begin in range(start, stop, self.longest):
                chunks.append(Chunk(len(chunks), begin, min(stop, begin + self.longest)))
        if ended and not units:
            chunks.append(Chunk(0, 0, 0))  # Results of nothing are a part, too.
        self._seen = units
        while self._finished and self._finished[0].stop <= units:
            self._finished.popleft()
        return New(chunks, ended or error is not None)

    def require_all(self) -> None:
        _ = self._spool.arrived

    def wait(self, seconds: float) -> None:
        self._spool.wait(self._seen, seconds)

    def listen(self, listener: Callable[[], object]) -> None:
        self._spool.listen(listener)

    def taken(self, units: int | None) -> None:
        self._spool.taken(self._seen if units is None else units)

    def size(self) -> float | None:
        size = self._spool.size()
        return None if size is None else size - self._finished_size
