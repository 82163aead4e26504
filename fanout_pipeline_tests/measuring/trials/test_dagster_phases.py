"""Where the time of a run of Dagster's went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.measuring.trials.dagster_phases import (
    Operation,
    RunTimeline,
    StepSpan,
    run_phases,
)


def timeline(steps=(), operations=(), work=None, check_seconds=0.0, executed=20.0):
    return RunTimeline(
        0.0,
        2.0,
        executed,
        executed + 1,
        1,
        tuple(steps),
        tuple(operations),
        work or {},
        check_seconds,
    )


def test_two_steps_beside_each_other():
    """Two processes that start, import and work at the same time are not counted twice."""
    steps = [StepSpan(10, 3.0, 4.0, 7.0, 19.0), StepSpan(11, 3.0, 4.0, 7.0, 15.0)]
    operations = [Operation(10, "event_log", 8.0, 2.0), Operation(1, "event_log", 2.5, 0.25)]
    found = run_phases(timeline(steps, operations, {"call": 10.0}), concurrent_steps=2)
    assert found == {
        "launch": 1.0 + 2.0 + 3.0,
        "call": 5.0,
        "event_log": 2.0 / 2 + 0.25,
        "framework": pytest.approx((1.0 + 1.0 - 0.25) + (20 - 2 - 10) / 2),
        "wait": 2.0,
        "stop": 1.0,
    }


def test_steps_in_the_runs_own_process():
    """Without processes of their own only the run is launched, and nobody waits."""
    operations = [Operation(1, "event_log", 3.0, 4.0), Operation(1, "io", 8.0, 0.5)]
    found = run_phases(
        timeline([], operations, {"call": 1.0, "commit": 0.5}, 2.0), concurrent_steps=2
    )
    assert (found["wait"], found["launch"]) == (0, 2.0)
    assert (found["event_log"], found["io"], found["call"]) == (4.0, 0.5, 1.0)
    assert found["framework"] == pytest.approx(18 - 4 - 0.5 - 1.5 - 2.0)


moments = st.lists(st.floats(2, 20, allow_nan=False), min_size=4, max_size=4).map(sorted)


@given(
    spans=st.lists(moments, max_size=2), check=st.floats(0, 1), concurrent_steps=st.integers(2, 3)
)
def test_phases_sum_to_the_wall_time(spans, check, concurrent_steps):
    """Whatever the steps did, their phases account for all of the time, and for no more."""
    steps = [StepSpan(10 + n, *span) for n, span in enumerate(spans)]
    line = timeline(steps, [], {"read": 0.5, "call": 1.5}, check)
    assert sum(run_phases(line, concurrent_steps).values()) == pytest.approx(line.wall_seconds)
