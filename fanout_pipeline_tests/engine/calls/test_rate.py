"""The account that all workers of a run share."""

import heapq
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.engine.calls.rate import Limiter
from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import Spent, Stopped
from fanout_pipeline_tests.chance import examples

HOLDER = """
import sys, time
from fanout_pipeline.engine.calls.rate import Limiter
from fanout_pipeline.engine.model.call_limits import CallLimits

with Limiter(CallLimits(per_second=1000, path=sys.argv[1]))._account():
    print("held", flush=True)
    time.sleep(600)
"""
TAKER = """
import sys
from fanout_pipeline.engine.calls.rate import Limiter
from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import Spent

limiter, taken = Limiter(CallLimits(budget_calls=1000, path=sys.argv[1])), 0
try:
    while True:
        taken += limiter.take(1, float("inf"), lambda: False)
except Spent:
    print(taken)
"""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def limiter(tmp_path, clock=None, **limits):
    path = tmp_path / "account"
    path.unlink(missing_ok=True)
    return Limiter(CallLimits(**limits, path=str(path)), *([clock] if clock else []))


@settings(max_examples=examples(100))
@given(
    per_second=st.floats(0.1, 1000),
    burst=st.integers(1, 20),
    pauses=st.lists(st.lists(st.floats(0, 3), min_size=1, max_size=12), min_size=1, max_size=5),
    hold=st.none() | st.floats(0, 5),
)
def test_no_more_than_the_bucket_gives(tmp_path_factory, per_second, burst, pauses, hold):
    """In no span of time are there more calls than the bucket holds and the rate adds, whoever calls when."""
    clock = Clock()
    bucket = limiter(tmp_path_factory.mktemp("a"), clock, per_second=per_second, burst=burst)
    # Each caller pauses, asks, and calls when it may; the next event of all of them comes first.
    events = [(clock.now + one[0], number, 0, None) for number, one in enumerate(pauses)]
    heapq.heapify(events)
    called = []
    held = (clock.now, clock.now)
    while events:
        at, number, turn, reserved = heapq.heappop(events)
        clock.now = max(clock.now, at)
        if hold is not None and len(called) == 3 and held[0] == held[1]:
            bucket.hold(hold)
            held = (clock.now, clock.now + hold + 1e-9)
        if reserved is None or bucket.is_held():
            at = bucket.reserve(again=reserved is not None)
            if at > clock.now:
                heapq.heappush(events, (at, number, turn, at))
                continue
        called.append(clock.now)
        if turn + 1 < len(pauses[number]):
            heapq.heappush(events, (clock.now + pauses[number][turn + 1], number, turn + 1, None))
    assert len(called) == sum(map(len, pauses))
    assert not [at for at in called if held[0] < at < held[1] - 1e-6]
    for first, began in enumerate(called):
        for last in range(first, len(called)):
            assert last - first + 1 <= burst + per_second * (called[last] - began) + 1e-6


def test_calls_that_nobody_made_are_not_saved_up(tmp_path):
    """After a pause of any length as many calls may be made at once as the bucket holds."""
    clock = Clock()
    bucket = limiter(tmp_path, clock, per_second=10, burst=3)
    clock.now += 1000
    assert sum(bucket.reserve() <= clock.now + 1e-6 for _ in range(10)) == 3


def test_a_new_clock_is_noticed(tmp_path):
    """An account that was left before the machine was started anew holds nobody back."""
    clock = Clock()
    bucket = limiter(tmp_path, clock, per_second=1)
    bucket.hold(3000)
    clock.now = 5.0
    assert bucket.reserve() == 5.0


def test_a_budget_of_time_refuses_what_would_come_too_late(tmp_path):
    """A call whose time would come after the end is refused at once, as are all after it."""
    clock = Clock()
    bucket = limiter(tmp_path, clock, per_second=1, budget_seconds=2.5)
    assert [bucket.reserve() is None for _ in range(5)] == [False, False, False, True, True]
    assert bucket.account().refused == 2


def test_a_wait_ends_when_the_run_stops(tmp_path):
    """Whoever waits for its turn notices that the run has stopped."""
    bucket = limiter(tmp_path, per_second=0.001)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    bucket.take(1, float("inf"), stop.is_set)
    with pytest.raises(Stopped):
        bucket.take(1, float("inf"), stop.is_set)


def test_a_killed_process_does_not_keep_the_account(tmp_path):
    """A worker that is killed in the middle of its turn keeps nobody else from calling."""
    path = str(tmp_path / "account")
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        waiting = threading.Thread(
            target=lambda: taken.append(
                Limiter(CallLimits(per_second=1000, path=path)).take(1, float("inf"), bool)
            )
        )
        taken = []
        waiting.start()
        waiting.join(0.3)
        assert not taken
        holder.kill()
    waiting.join(30)
    assert taken == [1]


def test_processes_never_take_more_than_the_budget(tmp_path):
    """Processes and threads that take at the same time take together what the budget allows, not one more."""
    path = str(tmp_path / "account")
    command = [sys.executable, "-c", TAKER, path]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    ours, taken = Limiter(CallLimits(budget_calls=1000, path=path)), []

    def take():
        try:
            while True:
                taken.append(ours.take(1, float("inf"), bool))
        except Spent:
            pass

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    theirs = [int(process.communicate()[0]) for process in processes]
    assert sum(theirs) + len(taken) == 1000
