import pytest

from fanout_pipeline.measuring.comparison import Measured, NotComparable, sentence
from fanout_pipeline_tests.measuring.records import compared, measured


def test_ratio_speedup_efficiency_and_rate():
    """A ratio is time divided by serial's; efficiency is the speed-up for each worker."""
    row = compared(measured("threads", 0.25)).row("threads")
    assert (row.ratio, row.speedup, row.efficiency, row.items_per_second) == (0.25, 4, 2, 4000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(38.11, "38.11 times slower"), (0.5, "2.00 times faster"), (1.0, "1.00 times slower")],
)
def test_the_sentence_of_the_article(seconds, text):
    """The closing sentence says how many times faster or slower, the right way round."""
    comparison = compared(measured("multiprocess", seconds))
    assert sentence(comparison, "multiprocess") == f"multiprocess was {text} than serial."


def test_without_items_there_is_no_ratio():
    """Nothing is divided by the time that nothing took."""
    comparison = compared(measured("threads", 0.1, items=0), items=0)
    assert comparison.row("threads").ratio is None
    assert comparison.row("threads").efficiency is None
    assert "cannot be compared" in sentence(comparison, "threads")


@pytest.mark.parametrize("what", ["input_sha256", "function_fingerprint"])
def test_different_work_is_not_compared(what):
    """Results of other bytes or of another function are refused, and the asset is named."""
    with pytest.raises(NotComparable, match="Re-materialize squares/threads"):
        compared(measured("threads", 0.1, **{what: "0" * 64}))


def test_metadata_of_an_older_version_is_refused():
    """A run that recorded less than is needed is to be run again, and the message says so."""
    with pytest.raises(NotComparable, match=r"recorded no .*digest.*: re-materialize it"):
        Measured.from_metadata("serial", {"wall_seconds": 1.0})


@pytest.mark.parametrize("fault", ["missing", "duplicated", "wrong"])
def test_a_fault_is_not_correct(fault):
    """A strategy with any fault in its results does not count as correct."""
    assert measured("queue", 1.0).correct
    assert not measured("queue", 1.0, **{fault: 1}).correct
    assert not measured("queue", 1.0, in_order=False).correct
