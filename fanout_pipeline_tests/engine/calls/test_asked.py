"""How long a service asks to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fanout_pipeline import Options
from fanout_pipeline.engine.calls.asked import MOST_GUESSED_WAITS, MOST_WAITS, Asked, seconds_of

A_DAY = 86_400


@pytest.mark.parametrize("said", [100, 100.0, "100", " 100 "])
def test_what_services_say(said):
    """Seconds, as a number or in a header."""
    assert seconds_of(said) == 100


def test_dates():
    """A time with a zone or a local one, or an HTTP date; one that is over asks for nothing."""
    tomorrow = datetime.now(UTC) + timedelta(seconds=A_DAY)
    local = tomorrow.astimezone().replace(tzinfo=None)
    for said in (tomorrow, local, format_datetime(tomorrow, usegmt=True)):
        assert seconds_of(said) == pytest.approx(A_DAY, abs=300)
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of(-3) == 0
    assert seconds_of(None) is None


@pytest.mark.parametrize("said", ["soon", float("nan"), True, [1]])
def test_what_nobody_can_read(said):
    """Anything else is named."""
    with pytest.raises(ValueError, match="neither seconds nor an HTTP date"):
        seconds_of(said)


def waits(options, error, counts=True):
    """How often one item is asked to wait before it has failed."""
    asked = Asked()
    while asked.after(error, options.failures, counts) is not None:
        pass
    return asked.waits


def test_nobody_waits_for_ever():
    """An item that is asked to wait again and again fails in the end, and its traceback says why."""
    error = TimeoutError()
    assert waits(Options(retry_after=lambda error: 0), error) == MOST_WAITS
    assert waits(Options(retry_after=lambda error: 1000), TimeoutError()) == 3
    assert waits(Options(retry_after=0.1), TimeoutError()) == MOST_GUESSED_WAITS
    assert "No item waits more than 1,000 times" in error.__notes__[0]


def test_errors_that_ask_for_nothing():
    """A function says so with None, or by failing, which is noted; a number is for errors of `retry_on`."""
    error = ConnectionError()
    assert waits(Options(retry_after=lambda error: None), error) == 0
    assert waits(Options(retry_after=lambda error: error.response), error) == 0
    assert error.__notes__ == [
        "retry_after raised AttributeError for it: 'ConnectionError' object has no attribute 'response'"
    ]
    assert waits(Options(retry_after=1), error, counts=False) == 0
