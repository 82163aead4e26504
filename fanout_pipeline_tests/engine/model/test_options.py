"""What cannot be meant is refused where it is written."""

import numpy
import pytest

from fanout_pipeline import Options


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"on_error": "skip"}, ValueError, "on_error must be 'fail' or 'quarantine', not 'skip'"),
        ({"failed_items": "drop"}, ValueError, "failed_items must be 'null' or 'omit', not 'drop'"),
        ({"workers": "4"}, TypeError, "workers must be a number, not '4'"),
        ({"retries": True}, TypeError, "retries must be a number, not True"),
        ({"chunks": 0}, ValueError, "chunks must be at least 1, not 0"),
        ({"concurrency": None}, TypeError, "concurrency must be a number, not None"),
        ({"lock_wait_seconds": -1}, ValueError, "lock_wait_seconds must be at least 0, not -1"),
        ({"record_items": "no"}, TypeError, "record_items must be True or False, not 'no'"),
    ],
)
def test_what_is_no_option(given, error, told):
    """The message has the field, what it must be, and what it was."""
    with pytest.raises(error, match=told):
        Options(**given)


def test_numbers_of_numpy():
    """A number is one whoever has made it."""
    assert Options(workers=numpy.int64(3)).worker_count == 3
