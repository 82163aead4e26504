"""How many threads: simulated calls show that what brings more is found, and what does not is given up."""

import pytest

from fanout_pipeline.engine.scheduling.thread_growth import Seen, ThreadGrowth


def settled(growth, rate, cores, left_seconds=1000.0):
    """What it comes to: `rate` items a second and `cores` in use, each of the number of threads."""
    now = items = cpu = 0.0
    for _ in range(10_000):
        count = growth.wanted(Seen(now, int(items), cpu), left_seconds)
        if growth.settled:
            return count
        now += 0.01
        items += 0.01 * rate(count)
        cpu += 0.01 * cores(count)
    raise AssertionError("it did not settle")


def test_calls_that_hold_the_gil_have_one_thread():
    """A second brings nothing, and processes are told that there are cores for them."""
    growth = ThreadGrowth(64, 4)
    assert settled(growth, lambda count: 100, lambda count: 1.1) == 1
    assert growth.leaves_cores_unused


def test_calls_that_release_the_gil_have_a_thread_a_core():
    """There are as many as cores, or as were allowed."""
    for most, cores, expected in ((64, 4, 4), (3, 4, 3), (64, 2, 2)):
        growth = ThreadGrowth(most, cores)
        assert settled(growth, lambda count: 100 * count, lambda count: 0.98 * count) == expected
        assert not growth.leaves_cores_unused


@pytest.mark.parametrize(("limit", "least", "most"), [(20, 20, 32), (1000, 128, 128), (1, 2, 16)])
def test_calls_that_wait_have_threads_as_long_as_more_is_done(limit, least, most):
    """A service that serves so many at a time gets about so many threads, not all that are allowed."""
    growth = ThreadGrowth(128, 2)
    found = settled(growth, lambda count: 50 * min(count, limit), lambda count: 0.005 * count)
    assert least <= found <= most
    assert not growth.leaves_cores_unused


def test_calls_that_wait_and_compute_leave_cores_to_processes():
    """Where threads compute as much as one core can, and there are more, processes could do better."""
    growth = ThreadGrowth(16, 4)
    settled(growth, lambda count: min(200, 100 * count), lambda count: min(1.0, 0.5 * count))
    assert growth.leaves_cores_unused


@pytest.mark.parametrize(
    ("per_thread", "released", "expected", "leaves_cores"),
    [(1.0, True, 4, False), (1.0, False, 2, True), (0.005, True, 128, False)],
)
def test_two_that_began_together(per_thread, released, expected, leaves_cores):
    """Where a second began while setup was called, both are watched: the same is found of calls as of one alone."""
    growth = ThreadGrowth(128, 4)
    assert growth.begin_two()
    assert not growth.begin_two()

    def cores(count):
        return per_thread * count if released else min(1.0, per_thread * count)

    assert settled(growth, lambda count: 100 * count, cores) == expected
    assert growth.leaves_cores_unused == leaves_cores


def test_little_work_has_no_second_thread():
    """What is nearly done is done by the thread that has begun it."""
    growth = ThreadGrowth(16, 4)
    for now in range(100):
        assert growth.wanted(Seen(now / 100, now, now / 100), left_seconds=0.01) == 1
