"""What happens to an item whose call fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnError = Literal["fail", "quarantine"]
FailedItems = Literal["null", "omit"]


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """The same for every strategy and every item of a run."""

    on_error: OnError = "fail"
    """fail: the run stops soon and names the item. quarantine: all other items are finished, and
    those that failed are listed in `_failures.parquet`."""
    failed_items: FailedItems = "null"
    """What the results have in the place of a quarantined item: a null, or no row."""
    retries: int = 0
    """Further calls of an item that failed, at most."""
    retry_on: tuple[str, ...] = ("Exception",)
    """Names of exception classes, plain or with their module, of which a retry is worth it."""
    backoff_seconds: float = 0.1
    """Before the first retry; twice as long before each further one, and up to as much again by
    chance, so that workers do not retry together. Never more than a minute."""
    item_timeout_seconds: float | None = None
    """A call that takes longer is ended, and its item has failed."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"retries must be at least 0, not {self.retries}")
        if self.backoff_seconds < 0:
            raise ValueError(f"backoff_seconds must be at least 0, not {self.backoff_seconds}")
        if self.item_timeout_seconds is not None and self.item_timeout_seconds <= 0:
            raise ValueError(
                f"item_timeout_seconds must be over 0, not {self.item_timeout_seconds}"
            )

    @property
    def quarantines(self) -> bool:
        return self.on_error == "quarantine"

    @property
    def omits(self) -> bool:
        """Whether results have no row for an item in quarantine."""
        return self.quarantines and self.failed_items == "omit"


FAIL = FailurePolicy()
"""What holds where nothing else is said: the first item that fails ends the run."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much to fan out."""

    workers: int
    start_method: str
    """How worker processes are started; strategies without any ignore it."""
    concurrency: int = 100
    """Calls of an async function that `asyncio` has in flight at a time, at most."""
    failures: FailurePolicy = FAIL
    worker_memory_mb: int | None = None
    """Resident memory that a worker process may have; None: as much as there is."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {self.concurrency}")
