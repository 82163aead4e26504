import pytest

from fanout_pipeline.measuring.quantities import duration, size, three_digits
from fanout_pipeline.measuring.reasons import reasons
from fanout_pipeline.measuring.sentences import sentence
from fanout_pipeline_tests.measuring.records import ALL, compared, measured, realistic

CALLS = {"call": 0.1, "read": 0.9}


def test_each_of_the_four_reasons_has_its_measured_number():
    """Who asks why multiprocessing is slower gets four numbers of this very run."""
    comparison = compared(
        measured(
            "multiprocess", 2.0, jitter=0, workers=2, warm_seconds=0.5, sent_bytes=2400,
            phases={"start": 1.2, "import": 0.2, "send": 0.002, "call": 0.05, "stop": 0.1},
        ),
        measured(
            "queue", 4.0, jitter=0, sent_bytes=27_000, pickle_seconds=0.25,
            phases={"start": 0.9, "stop": 0.1, "send": 2.0, "call": 0.05},
        ),
        measured("threads", 1.5, jitter=0, phases={"call": 0.1}),
        jitter=0,
        phases=CALLS,
    )  # fmt: skip
    starting, sending, small, gil = reasons(comparison)
    assert "multiprocess spent 1.50 s of 2.00 s (75 %)" in starting
    assert "queue spent 1.00 s of 4.00 s (25 %)" in starting
    assert "queue spent 2.00 s (50 %) on moving items and results, 2.00 ms an item" in sending
    assert "250 ms of CPU time on pickling 27.0 kB, 27.0 bytes an item" in sending
    assert (
        "multiprocess sends no item, but descriptors of chunks and in short runs their results (2.40 kB), in 2.00 ms"
        in sending
    )
    assert "the function takes 100 µs an item" in small
    assert "moving an item in queue takes 2.00 ms, 20.0 times that" in small
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
    texts = reasons(MADE[made]())
    assert len(texts) == 4
    for text in texts:
        assert ":" in text
        assert text.endswith(".")
        assert not {"nan", "inf", "None"} & set(text.replace(",", " ").split())


def test_what_was_not_tried_is_said():
    """Without a strategy that has processes nothing is made up about them."""
    starting, sending, _, gil = reasons(compared(phases=CALLS))
    assert "not measured, as none of multiprocess, pool_map, queue was tried" in starting
    assert "not measured" in sending
    assert "not measured" in gil


def test_one_worker_has_nothing_to_share():
    """Who measured with one worker is told that it could not have been faster."""
    comparison = compared(measured("threads", 1.0, workers=1, phases=CALLS), phases=CALLS)
    assert "With one worker threads had nothing to share" in reasons(comparison)[3]


def test_chance_is_not_called_a_difference():
    """Threads that are not told from serial are not said to be slower."""
    comparison = compared(measured("threads", 1.005, jitter=0.05), jitter=0.05)
    assert "2 threads (threads) were not told from serial" in reasons(comparison)[3]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (38.11, "38.11 times slower than serial"),
        (0.5, "2.00 times faster than serial"),
        (1.0, "not told from serial (1.00 times its time)"),
    ],
)
def test_the_sentence_of_the_article(seconds, text):
    """The closing sentence says how many times faster or slower, the right way round."""
    comparison = compared(measured("multiprocess", seconds, jitter=0), jitter=0)
    assert sentence(comparison, "multiprocess") == f"multiprocess was {text}."


def test_a_sentence_says_why_there_is_no_number():
    """Without items, or without the strategy, the sentence says so."""
    empty = compared(measured("threads", 0.1, items=0), items=0)
    assert sentence(empty, "threads").endswith("compared with serial: there are no items.")
    assert sentence(empty, "multiprocess") == "multiprocess was not tried."


def test_quantities_are_read_easily():
    """Three digits and a unit, never an exponent."""
    assert [duration(s) for s in (0, 6.12e-8, 0.0123, 1.04, 754)] == [
        "0 s", "61.2 ns", "12.3 ms", "1.04 s", "754 s",
    ]  # fmt: skip
    assert [size(n) for n in (0, 12, 2400, 2_710_000)] == [
        "0 bytes",
        "12 bytes",
        "2.40 kB",
        "2.71 MB",
    ]
    assert [three_digits(v) for v in (0, 9.999, 0.000123, 12, 4_250_000)] == [
        "0", "10.0", "0.000123", "12.0", "4,250,000",
    ]  # fmt: skip
