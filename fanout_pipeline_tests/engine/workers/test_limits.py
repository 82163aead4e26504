"""Late calls and large workers are found by looking, and nothing else is taken for one."""

import pytest

from fanout_pipeline.engine.calls.call_log import Announce, Call
from fanout_pipeline.engine.workers.limits import CallTimes, Limits, Memory

MIB = 2**20


def looks(times, calls, step):
    """Look once every `step` seconds; gives at which look a worker was late, or None."""
    for number, call in enumerate(calls):
        if times.late(7, 0, call, 1000 + number * step):
            return number
    return None


def test_a_call_is_late_after_the_limit():
    """A call is late when it was seen for so long, not before."""
    assert looks(CallTimes(2), [Call(3, 0)] * 30, 0.2) == 10


@pytest.mark.parametrize(
    "calls",
    [
        [Call(number, 0) for number in range(40)],
        [Call(0, number) for number in range(40)],
        [Call(None, number // 9) for number in range(40)],
        [Call(0, 0) if number % 9 else None for number in range(40)],
        [None] * 40,
    ],
    ids=["items", "further calls", "slices", "rests", "nothing"],
)
def test_many_short_calls_are_not_late(calls):
    """However long a worker is busy, each call has the whole time for itself."""
    assert looks(CallTimes(2), calls, 0.2) is None


def test_the_same_item_of_another_chunk_is_another_call():
    """Positions are counted from each chunk's beginning."""
    times = CallTimes(1)
    assert not any(times.late(7, chunk, Call(0, 0), chunk / 2) for chunk in range(10))


def test_workers_are_told_apart():
    """One worker's time is not another's."""
    times = CallTimes(1)
    assert not any(times.late(look, 0, Call(0, 0), look) for look in range(10))


def test_time_in_which_nobody_looked_does_not_count():
    """A container that was stopped for an hour does not make its calls late."""
    times = CallTimes(2)
    assert not times.late(7, 0, Call(0, 0), 0)
    assert not times.late(7, 0, Call(0, 0), 3600)


def test_no_limits_no_looks():
    """Without limits nothing is checked and nothing is announced."""
    limits = Limits(None, None, 2)
    assert limits.period is None
    assert not limits.is_due(0)
    assert limits.times.announce is Announce.NOTHING


def test_looks_are_as_often_as_is_needed():
    """Short limits need frequent checks and every item announced; memory is checked ten times a second."""
    assert Limits(60, None, 2).period == 0.2
    assert Limits(0.1, None, 2).period == pytest.approx(0.01)
    assert Limits(60, 500, 2).period == 0.1
    assert Limits(0.1, None, 2).times.announce is Announce.EACH
    assert Limits(60, None, 2).times.announce is Announce.SLOW
    limits = Limits(60, None, 2)
    assert [limits.is_due(now / 10) for now in range(6)] == [True, False, True, False, True, False]


def test_memory():
    """Over its limit a worker is ended; near it, if it has grown, it is replaced between chunks."""
    memory = Memory(400, 10_000 * MIB)
    assert memory.exceeded(400 * MIB) is None
    assert (
        memory.exceeded(512 * MIB) == "used 512 MiB, more than worker_memory_mb=400, and was ended"
    )
    assert memory.has_grown(100 * MIB, 301 * MIB)
    assert not memory.has_grown(100 * MIB, 299 * MIB)
    assert not memory.has_grown(300 * MIB, 310 * MIB)  # Another would be as large.


def test_memory_without_a_limit():
    """Nobody is ended; who has most of a worker's share of the machine is replaced."""
    memory = Memory(None, 1000 * MIB)
    assert memory.exceeded(10**15) is None
    assert memory.has_grown(100 * MIB, 751 * MIB)
    assert not memory.has_grown(100 * MIB, 749 * MIB)
