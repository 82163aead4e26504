"""How long a service has asked to be left alone, as `retry_after` says of the error of a call."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import Any

from fanout_pipeline.engine.model.options import FailurePolicy

MOST_SECONDS = 3600.0
"""An item that was asked to wait for longer than this, all in all, has failed."""
MOST_WAITS = 1000
"""So has one that was asked to wait as often as this."""
MOST_GUESSED_WAITS = 20
"""So has one that has waited as often as this where `retry_after` is a number: nobody has asked."""


class Asked:
    """What one item was asked to wait so far."""

    def __init__(self) -> None:
        self.waits = 0
        self.seconds = 0.0

    def after(self, error: BaseException, policy: FailurePolicy, counts: bool) -> float | None:
        """How many seconds to wait after this error; None where nobody asks for it, or too much was asked.

        `counts`: whether `retry_on` names the error. A number is for such errors only.
        """
        said: Any = policy.retry_after
        most = MOST_WAITS
        if callable(said):
            try:
                seconds = seconds_of(said(error))
            except Exception as wrong:
                error.add_note(f"retry_after raised {type(wrong).__name__} for it: {wrong}")
                return None
        else:
            seconds, most = (said if counts else None), MOST_GUESSED_WAITS
        if seconds is None:
            return None
        if self.waits >= most or self.seconds + seconds > MOST_SECONDS:
            error.add_note(
                f"retry_after asked for {seconds:,.1f} s of waiting, after {self.waits:,} waits of {self.seconds:,.1f} s "
                f"in all. No item waits more than {most:,} times, or for more than {MOST_SECONDS:,.0f} s."
            )
            return None
        self.waits += 1
        self.seconds += seconds
        return seconds


def seconds_of(said: Any) -> float | None:
    """Seconds from now: of a number, of the text of a Retry-After header, or until a time; None of None.

    A time without a zone is local. Raises ValueError for anything else.
    """
    if said is None:
        return None
    if isinstance(said, str):
        said = _number_or_date(said)
    if isinstance(said, datetime):
        said = said.timestamp() - time.time()
    if isinstance(said, bool) or not isinstance(said, int | float) or math.isnan(said):
        raise ValueError(
            f"{said!r:.100} is neither seconds nor an HTTP date, and no datetime or None either"
        )
    return max(0.0, float(said))


def _number_or_date(text: str) -> float | datetime:
    try:
        return float(text)
    except ValueError:
        from email.utils import parsedate_to_datetime  # 10 ms

        try:
            return parsedate_to_datetime(text)
        except ValueError:
            raise ValueError(f"{text!r:.100} is neither seconds nor an HTTP date") from None
