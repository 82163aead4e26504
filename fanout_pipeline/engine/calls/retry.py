"""Further calls of an item whose call failed, after waits that grow (exponential backoff, jitter).

Imported only when a call has failed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fanout_pipeline.engine.model.errors import Stopped, reraise_interrupt
from fanout_pipeline.engine.model.options import FailurePolicy

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.asked import Asked
    from fanout_pipeline.engine.calls.rate import Limiter

LONGEST_WAIT_SECONDS = 60.0
_CHECK_SECONDS = 0.05
"""How often a wait asks whether the run has stopped."""
FAILED = object()
"""Returned in place of a result where the last try has failed, too."""


class Tries:
    """The calls of one item. The first was made by the caller and failed with `error`."""

    def __init__(self, policy: FailurePolicy, error: BaseException, limiter: Limiter | None = None):
        """`limiter` is told where `retry_after` asks for waiting; without one nothing is asked."""
        self.made = 1
        self.error = error
        """What the last try raised."""
        self._policy = policy
        self._limiter = limiter
        self._asked: Asked | None = None
        if limiter is not None and policy.retry_after is not None:
            from fanout_pipeline.engine.calls.asked import Asked

            self._asked = Asked()

    def failed(self, error: BaseException) -> None:
        """Count one more failed try."""
        self.made += 1
        self.error = error

    def wait_seconds(self) -> float | None:
        """How long to wait before another try; None if there is none. All calls wait if that was asked for."""
        made, worth_it = self.made, is_worth_it(self.error, self._policy)
        if self._asked is not None and self._limiter is not None:
            seconds = self._asked.after(self.error, self._policy, worth_it)
            if seconds is not None:
                self._limiter.hold(seconds)
                return 0.0
            made -= self._asked.waits
        if made > self._policy.retries or not worth_it:
            return None
        seconds = self._policy.backoff_seconds * 2.0 ** (made - 1)
        # Jitter spreads the workers' retries; it need not be hard to guess.
        return min(seconds * (1 + random.random()), LONGEST_WAIT_SECONDS)  # noqa: S311

    def repeat(self, call: Callable[[], Any], stopped: Callable[[], bool] = lambda: False) -> Any:
        """The result of the first further try that succeeds; FAILED if none does.

        Raises Stopped soon after `stopped()` is true.
        """
        while (seconds := self.wait_seconds()) is not None:
            _pause(seconds, stopped)
            try:
                return call()
            except BaseException as error:
                reraise_interrupt(error)
                self.failed(error)
        return FAILED


def is_worth_it(error: BaseException, policy: FailurePolicy) -> bool:
    """Whether `retry_on` names the error's class or one of its bases."""
    return any(not names.isdisjoint(policy.retry_on) for names in map(_names, type(error).__mro__))


def _names(kind: type) -> set[str]:
    """Plain, and qualified by its module or by a package around it, where libraries export their errors."""
    packages = kind.__module__.split(".")
    prefixes = (".".join(packages[:count]) for count in range(1, len(packages) + 1))
    return {kind.__qualname__, *(f"{prefix}.{kind.__qualname__}" for prefix in prefixes)}


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stopped():
            raise Stopped
        time.sleep(min(left, _CHECK_SECONDS))
