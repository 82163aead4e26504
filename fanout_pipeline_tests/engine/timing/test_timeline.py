"""Timelines add up where a worker's time went."""

from types import SimpleNamespace

import pytest

from fanout_pipeline.engine.timing.timeline import WorkerTimeline, mean, total


def test_a_timeline_holds_what_was_added():
    """Time up to a stamp is one phase, or what the worker says; what it leaves out is in none."""
    timeline = WorkerTimeline(10.0)
    timeline.until(11.0, "start")
    timeline.add({"read": 0.5, "call": 2.0}, 14.0)
    timeline.until(14.5, "start")
    timeline.until(20.0, "wait")
    assert timeline.seconds == {"start": 1.5, "read": 0.5, "call": 2.0, "wait": 5.5}


@pytest.mark.parametrize(("imported", "start"), [(0.0, 0.0), (0.25, 0.25), (9.0, 1.0)])
def test_a_chunk_of_a_worker_process(imported, start):
    """Before a chunk its worker has waited, but for imports, as far as they are of this run."""
    timeline = WorkerTimeline(10.0)
    part = SimpleNamespace(
        items=7, read_seconds=0.5, call_seconds=2.0, write_seconds=0.5, wait_seconds=0.0
    )
    timeline.add_chunk(part, imported, 14.0)
    assert timeline.seconds == {
        "wait": 1.0 - start, "start": start, "read": 0.5, "call": 2.0, "write": 0.5,
    }  # fmt: skip


def test_the_mean_counts_workers_without_a_phase():
    """A worker that never called the function counts in the mean of the calls all the same."""
    busy, idle = WorkerTimeline(0.0), WorkerTimeline(0.0)
    busy.until(4.0, "call")
    idle.until(4.0, "wait")
    assert mean([busy, idle]) == {"call": 2.0, "wait": 2.0}


def test_accounts_are_added_in_the_order_of_time():
    """Phases are listed in the order in which they happen, each once."""
    added = total([{"stop": 1.0, "commit": 2.0}, {"start": 3.0, "commit": 4.0}])
    assert list(added.items()) == [("start", 3.0), ("commit", 6.0), ("stop", 1.0)]
