"""Whoever watches a long run sees how far it is, now and then."""

import pytest

from fanout_pipeline.engine.system.progress import INTERVAL_SECONDS, Progress


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
    clock.now += 1
    progress.done(12_000, 1)
    clock.now += 5
    progress.done(6_000, 1)
    assert log == ["threads: 25%, 18,000 items, 3,000 items/s, about 18 s left"]


def test_lines_are_frequent_at_first_and_never_more_than_one_an_interval(progress, clock, log):
    """However many chunks are done: a line in two seconds at first, in five when a minute has passed."""
    progress.begin(1000)
    came = [0.0]
    for _ in range(1000):
        clock.now += 0.5
        progress.done(1, 1)
        if len(log) == len(came):
            came.append(clock.now - 1000)
    pauses = [came[n + 1] - came[n] for n in range(len(came) - 1)]
    assert pauses == sorted(pauses)
    assert pauses[:10] == [2] * 10
    assert set(pauses[20:]) == {5}


@pytest.mark.parametrize("chunk_seconds", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("seconds", [20, 60, 300, 4000])
def test_the_middle_third_of_a_run_has_two_lines(progress, clock, log, seconds, chunk_seconds):
    """Whoever watches a run of 20 seconds or more sees it go on: chunks take a second at most."""
    progress.begin(1)
    in_the_middle = 0
    while clock.now < 1000 + seconds:
        clock.now += chunk_seconds
        before = len(log)
        progress.done(1, 1)
        in_the_middle += (len(log) - before) * (seconds / 3 < clock.now - 1000 < 2 * seconds / 3)
    assert in_the_middle >= 2


def test_a_slow_chunk_brings_one_line(progress, clock, log):
    """A chunk that takes several intervals brings one line, and the next interval begins with it."""
    progress.begin(3)
    clock.now += 17
    progress.done(1, 1)
    clock.now += 1.5
    progress.done(1, 1)
    assert len(log) == 1
    clock.now += 0.5
    progress.done(1, 1)
    assert log[1:] == ["threads: 100%, 3 items, 0 items/s, about 0 s left"]


def test_a_quick_run_says_nothing(progress, clock, log):
    """A run that ends within two seconds writes no line."""
    progress.begin(2)
    clock.now += 1.9
    progress.done(1, 1)
    progress.done(1, 1)
    assert log == []


def test_each_run_is_counted_anew(progress, clock, log):
    """A second run of the same strategy starts from nothing, its clock too."""
    progress.begin(2)
    clock.now += 1.5
    progress.done(100, 1)
    progress.begin(4)
    clock.now += 1.5
    progress.done(10, 1)
    assert log == []
    clock.now += 3.5
    progress.done(10, 1)
    assert log == ["threads: 50%, 20 items, 4 items/s, about 5 s left"]


def test_the_usual_interval_is_a_few_seconds(log):
    """Unless told otherwise, a line comes in five seconds at most, by a clock that is never set back."""
    Progress("threads", log.append).begin(1)
    assert INTERVAL_SECONDS == 5
    assert log == []
