import pytest

from fanout_pipeline.measuring.verdict import decide
from fanout_pipeline_tests.measuring.records import compared, measured


@pytest.mark.parametrize(
    ("seconds", "use"),
    [
        (0.1, "threads"),
        (0.3, "threads"),
        (0.39, "cannot tell"),  # seen by chance of a strategy whose median is 0.82
        (1.0, "cannot tell"),
        (2.9, "cannot tell"),
        (3.1, "stay serial"),
    ],
)
def test_only_what_chance_does_not_explain_is_recommended(seconds, use):
    """One run of each recommends nothing that single runs differ by anyway, and is never trusted."""
    verdict = decide(compared(measured("threads", seconds)))
    assert verdict.use == use
    assert verdict.reason
    assert not verdict.trusted


def test_the_fastest_correct_strategy_is_used():
    """A fast wrong result is not recommended."""
    comparison = compared(
        measured("queue", 0.01, in_order=False),
        measured("threads", 0.02, wrong=1),
        measured("vectorized", 0.2),
        measured("multiprocess", 0.1),
    )
    assert decide(comparison).use == "multiprocess"


def test_serial_stays_where_nothing_else_is_right():
    """If only serial gives right results, serial it is."""
    assert decide(compared(measured("queue", 0.01, in_order=False))).use == "stay serial"


def test_without_items_it_cannot_tell():
    """An empty input decides nothing."""
    assert decide(compared(measured("threads", 0.1, items=0), items=0)).use == "cannot tell"
