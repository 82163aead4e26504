"""Whoever watches a long run sees how far it is, now and then."""

import pytest

from fanout_pipeline.fanout.progress import INTERVAL_SECONDS, Progress


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    return []


@pytest.fixture
def progress(clock, log):
    return Progress("threads", log.append, interval=5, clock=clock)


def test_a_line_says_how_far_the_run_is(progress, clock, log):
    """A line names the strategy, what is done, how fast, and about how long it still takes."""
    progress.begin(8)
    clock.now += 3
    progress.done(12_000, 1)
    clock.now += 3
    progress.done(6_000, 1)
    assert log == ["threads: 25%, 18,000 items, 3,000 items/s, about 18 s left"]


def test_a_line_comes_once_an_interval(progress, clock, log):
    """However many chunks are done, there is no more than one line an interval."""
    progress.begin(1000)
    for _ in range(100):
        clock.now += 0.5
        progress.done(1, 1)
    assert [line.split()[1] for line in log] == [f"{n}%," for n in range(1, 11)]


def test_a_slow_chunk_brings_one_line(progress, clock, log):
    """A chunk that takes several intervals brings one line, and the next interval begins with it."""
    progress.begin(3)
    clock.now += 17
    progress.done(1, 1)
    clock.now += 4
    progress.done(1, 1)
    assert len(log) == 1
    clock.now += 1
    progress.done(1, 1)
    assert log[1:] == ["threads: 100%, 3 items, 0 items/s, about 0 s left"]


def test_a_quick_run_says_nothing(progress, clock, log):
    """A run that ends within the interval writes no line."""
    progress.begin(2)
    clock.now += 4.9
    progress.done(1, 1)
    progress.done(1, 1)
    assert log == []


def test_each_run_is_counted_anew(progress, clock, log):
    """A second run of the same strategy starts from nothing, its clock too."""
    progress.begin(2)
    clock.now += 4
    progress.done(100, 1)
    progress.begin(4)
    clock.now += 4
    progress.done(10, 1)
    assert log == []
    clock.now += 1
    progress.done(10, 1)
    assert log == ["threads: 50%, 20 items, 4 items/s, about 5 s left"]


def test_the_usual_interval_is_a_few_seconds(log):
    """Unless told otherwise, a line comes every five seconds by a clock that is never set back."""
    Progress("threads", log.append).begin(1)
    assert INTERVAL_SECONDS == 5
    assert log == []
