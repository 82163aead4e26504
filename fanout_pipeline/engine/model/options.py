"""How a fan-out is run: with how many workers, and what happens to an item whose call fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from numbers import Real
from typing import Any, Literal, get_args

from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.keywords import names_keywords
from fanout_pipeline.engine.system.cores import effective_cores

OnError = Literal["fail", "quarantine"]
FailedItems = Literal["null", "omit"]
LIMITS = ("per_second", "retry_after", "budget_seconds", "budget_calls")
"""The options that limit all calls of a run together."""
RetryAfter = float | Callable[[BaseException], float | str | datetime | None]


_CHOICES = {"on_error": get_args(OnError), "failed_items": get_args(FailedItems)}
_NUMBERS = (
    "workers",
    "concurrency",
    "worker_memory_mb",
    "chunks",
    "recycle_after",
    "verify",
    "per_second",
    "burst",
    "budget_seconds",
    "budget_calls",
    "lock_wait_seconds",
)
_LEAST = {
    "workers": 1,
    "concurrency": 1,
    "chunks": 1,
    "burst": 1,
    "budget_calls": 1,
    "recycle_after": 1,
    "lock_wait_seconds": 0,
}


def _require_numbers(options: FailurePolicy, names: Iterable[str]) -> None:
    """Raises TypeError for what is no number, unless it is None where that is the default."""
    for name in names:
        value = getattr(options, name)
        if value is None and type(options).__dataclass_fields__[name].default is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, not {value!r}")


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What happens to an item whose call fails, in every strategy."""

    on_error: OnError = "fail"
    """With `fail` the run stops at the first failed item and names it. With `quarantine` all other items
    are finished, and `read_failures` lists those that failed."""
    failed_items: FailedItems = "null"
    """What the results contain for a quarantined item: `null`, or no row (`omit`)."""
    retries: int = 0
    """How often a failed item is tried again."""
    retry_on: tuple[str, ...] = ("Exception",)
    """The exception classes for which a retry is worthwhile, and with them their subclasses. Names may be
    plain (`TimeoutError`) or qualified by the module or a package around it (`fanout_pipeline.WorkerDied`)."""
    backoff_seconds: float = 0.1
    """The wait before the first retry. It doubles for each further one, a random time of up to the same
    length is added so that workers do not retry together, and it never exceeds a minute."""
    item_timeout_seconds: float | None = None
    """The longest that a call may take; one that takes longer is ended, and its item has failed. None sets
    no limit. Kept by `multiprocess` and `asyncio`."""
    retry_after: RetryAfter | None = None
    """For how long all calls of the run hold back after a call that failed because they were too many; the
    failed one is then made again, which uses up none of its `retries`. A function of the exception returns
    seconds, the text of a Retry-After header, a datetime, or None for errors that ask for no waiting. A number is
    seconds to wait after each error that `retry_on` names, 20 times for one item at most."""
    record_items: bool = True
    """Whether failures, errors and logs have the text of items. Without it they have their place, and the type and
    message of the error; of a message that has text of its item nothing is kept."""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                choices = " or ".join(map(repr, allowed))
                raise ValueError(f"{name} must be {choices}, not {getattr(self, name)!r}")
        _require_numbers(self, ("retries", "backoff_seconds", "item_timeout_seconds"))
        if not isinstance(self.record_items, bool):
            raise TypeError(f"record_items must be True or False, not {self.record_items!r}")
        if self.retries < 0:
            raise ValueError(f"retries must be at least 0, not {self.retries}")
        if self.backoff_seconds < 0:
            raise ValueError(f"backoff_seconds must be at least 0, not {self.backoff_seconds}")
        if self.item_timeout_seconds is not None and self.item_timeout_seconds <= 0:
            raise ValueError(
                f"item_timeout_seconds must be more than 0, not {self.item_timeout_seconds}"
            )
        if not (self.retry_after is None or callable(self.retry_after) or self.retry_after >= 0):
            raise ValueError(f"retry_after must be at least 0, not {self.retry_after}")

    @property
    def quarantines(self) -> bool:
        """Whether failed items are quarantined."""
        return self.on_error == "quarantine"

    @property
    def omits(self) -> bool:
        """Whether the results have no row for a quarantined item."""
        return self.quarantines and self.failed_items == "omit"

    def settings(self) -> dict[str, Any]:
        """The fields by their names."""
        return {one.name: getattr(self, one.name) for one in fields(FailurePolicy)}


FAIL = FailurePolicy()
"""The default: the first failed item ends the run."""


@names_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class Options(FailurePolicy):
    """How a fan-out is run. Everything has a default."""

    strategy: str | None = None
    """The way to make the calls, by its name; `auto` and None: the one that suits, found while calls are made."""
    workers: int | None = None
    """The number of worker processes or threads, for strategies that use several. None: as many as there are
    cores that this process may use."""
    start_method: str | None = None
    """How multiprocessing starts worker processes. None: as the strategy does by default. A strategy that
    does not know the method uses its default, too."""
    concurrency: int = 100
    """The most calls of an async function that `asyncio` has in flight at once."""
    worker_memory_mb: int | None = None
    """The most resident memory that a worker process may use, in MiB. None sets no limit."""
    chunks: int | None = None
    """Into how many chunks of equal size the input is cut. None: sizes follow from the time that items take."""
    per_second: float | None = None
    """The most calls a second of all workers together, retries included. A batch is one call. None sets no
    limit."""
    burst: int | None = None
    """How many calls may be made at once after a pause of the calls, and at the beginning: the size of the token
    bucket that `per_second` fills. None: 1, so that calls are evenly spaced."""
    budget_seconds: float | None = None
    """The time after which no further call is begun and the run ends with BudgetSpent. What was done is
    kept where runs are resumed. None sets no limit."""
    budget_calls: int | None = None
    """The number of calls after which the run ends in the same way, retries included. A batch is one call."""
    recycle_after: int | None = None
    """After how many calls the value that `setup` made is closed and made anew, as for a client that leaks or a token
    that expires. Each worker counts its own calls. None: the value lasts as long as its worker does."""
    lock_wait_seconds: float = 600.0
    """For how long a run waits while another one writes to the same folder; then it fails, and names that one."""
    cluster: Any = None
    """Where strategies `dask` and `ray` make the calls: an address, a `Cluster`, or an open `distributed.Client`. None:
    where the environment says, else on a cluster of this machine that is started for the run."""
    verify: float = 0.0
    """The share of the items whose calls an asset makes again afterwards, to compare results: 0.01 is one in a hundred."""

    def __post_init__(self) -> None:
        FailurePolicy.__post_init__(self)
        _require_numbers(self, _NUMBERS)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        for name in ("per_second", "budget_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be more than 0, not {value}")
        if not 0 <= self.verify <= 1:
            raise ValueError(f"verify is a share, from 0 to 1, not {self.verify}")
        if self.burst is not None and self.per_second is None:
            raise ValueError("burst is the size of the bucket that per_second fills: set both")

    @property
    def worker_count(self) -> int:
        """`workers`, or the number of cores that this process may use."""
        return self.workers or effective_cores()

    @property
    def failures(self) -> FailurePolicy:
        """What happens to an item whose call fails."""
        return FailurePolicy(*(getattr(self, one.name) for one in fields(FailurePolicy)))

    @property
    def call_limits(self) -> CallLimits | None:
        """What limits all calls together; None where nothing does."""
        if all(getattr(self, name) is None for name in LIMITS):
            return None
        return CallLimits(self.per_second, self.burst or 1, self.budget_seconds, self.budget_calls)
