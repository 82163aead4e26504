import pytest

from fanout_pipeline.measuring.comparison.descriptions import strategy_sentence
from fanout_pipeline.measuring.comparison.slowdown_reasons import slowdown_reasons
from fanout_pipeline_tests.measuring.comparison.made_up import ALL, compared, measured, realistic

CALLS = {"call": 0.1, "read": 0.9}


def test_each_of_the_four_reasons_has_its_measured_number():
    """Who asks why multiprocessing is slower gets four numbers of this very run."""
    comparison = compared(
        measured(
            "multiprocess", 2.0, jitter=0, workers=2, warm_seconds=0.5, sent_bytes=2400,
            phases={"start": 1.4, "wait": 0.002, "call": 0.05, "stop": 0.1},
        ),
        measured(
            "queue", 4.0, jitter=0, sent_bytes=27_000, pickle_seconds=0.25,
            phases={"start": 0.9, "stop": 0.1, "wait": 2.0, "call": 0.05},
        ),
        measured("threads", 1.5, jitter=0, phases={"call": 0.1}),
        jitter=0,
        phases=CALLS,
    )  # fmt: skip
    starting, sending, small, gil = slowdown_reasons(comparison)
    assert "took 1.5 s of 2 s in multiprocess (75 %)" in starting
    assert "1 s of 4 s in queue (25 %)" in starting
    assert (
        "queue spent 2 s (50 %) waiting for items and results to be moved, 2 ms an item" in sending
    )
    assert "250 ms of CPU time on pickling 27 kB, 27 bytes an item" in sending
    assert (
        "multiprocess sends no items, only descriptors of chunks and in short runs their results "
        "(2.4 kB)" in sending
    )
    assert "the function takes 100 µs an item" in small
    assert "moving an item in queue takes 2 ms, 20 times as long" in small
    assert "multiprocess takes as long as 15,000 calls" in small
    assert "2 threads (threads) were 1.50x slower than serial" in gil
    assert "(multiprocess) were 2.00x faster than serial" in gil
    assert "200 ms in threads, 100 ms in multiprocess, 100 ms in serial" in gil


MADE = {
    "all": lambda: realistic(*ALL)[0],
    **{name: lambda name=name: realistic(name)[0] for name in ALL},
    "none": compared,
    "no items": lambda: compared(
        measured("multiprocess", 0.3, items=0), measured("queue", 0.3, items=0), items=0
    ),
    "three": lambda: compared(
        measured("multiprocess", 0.3), measured("threads", 0.3), measured("queue", 1)
    ),
    "one round": lambda: compared(measured("multiprocess", 0.3, rounds=1), rounds=1, phases=CALLS),
    "one worker": lambda: compared(measured("threads", 1.0, workers=1, phases=CALLS), phases=CALLS),
}


@pytest.mark.parametrize("made", MADE)
def test_there_are_four_sentences_whatever_was_tried(made):
    """Any choice of strategies, no items, one round or one worker: what is not known is said."""
    texts = slowdown_reasons(MADE[made]())
    assert len(texts) == 4
    for text in texts:
        assert ":" in text
        assert text.endswith(".")
        assert not {"nan", "inf", "None"} & set(text.replace(",", " ").split())


def test_what_was_not_tried_is_said():
    """Without a strategy that has processes nothing is made up about them."""
    starting, sending, _, gil = slowdown_reasons(compared(phases=CALLS))
    assert "not measured, as none of multiprocess, pool_map, queue was tried" in starting
    assert "not measured" in sending
    assert "not measured" in gil


def test_one_worker_has_nothing_to_share():
    """With one worker, the report says that it could not have been faster."""
    comparison = compared(measured("threads", 1.0, workers=1, phases=CALLS), phases=CALLS)
    assert "With one worker threads had nothing to share" in slowdown_reasons(comparison)[3]


def test_chance_is_not_called_a_difference():
    """Threads that are not told apart from serial are not said to be slower."""
    comparison = compared(measured("threads", 1.005, jitter=0.05), jitter=0.05)
    told = slowdown_reasons(comparison)[3]
    assert "2 threads (threads) were not told apart from serial (0." in told


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (38.11, "38.11 times slower than serial"),
        (0.5, "2.00 times faster than serial"),
        (1.0, "not told apart from serial (0.98-1.02 times its time)"),
    ],
)
def test_the_sentence_about_one_strategy(seconds, text):
    """The closing sentence says how many times faster or slower, the right way round."""
    comparison = compared(measured("multiprocess", seconds, jitter=0), jitter=0)
    assert strategy_sentence(comparison, "multiprocess") == f"multiprocess was {text}."


def test_a_sentence_says_why_there_is_no_number():
    """Without items, or without the strategy, the sentence says so."""
    empty = compared(measured("threads", 0.1, items=0), items=0)
    assert strategy_sentence(empty, "threads").endswith("compared with serial: there are no items.")
    assert strategy_sentence(empty, "multiprocess") == "multiprocess was not tried."
