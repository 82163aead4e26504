"""A plan from which several threads take loses nothing between them."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.sources.source import Chunk


def test_what_is_just_given_back_counts_as_unfinished(monkeypatch):
    """A thread that asks whether anything is left is told so, even while another gives back the rest of its chunk."""
    plan = SharedPlan([Chunk(0, 0, 10)], 2)
    chunk = plan.take()
    outstanding = ChunkPlan.outstanding.fget
    others = []

    def given_back_meanwhile(self):
        if not others:
            rest = Chunk(chunk.number, 4, 10)
            others.append(threading.Thread(target=plan.done, args=(chunk, 0.1, rest)))
            others[0].start()
            others[0].join(0.2)
        return outstanding(self)

    monkeypatch.setattr(ChunkPlan, "outstanding", property(given_back_meanwhile))
    assert plan.unfinished
    others[0].join()
    assert plan.unfinished


@settings(max_examples=20, deadline=None)
@given(
    size=st.integers(1, 300),
    threads=st.integers(1, 4),
    most=st.integers(1, 30),
)
def test_threads_do_each_unit_once(size, threads, most):
    """However many take from a plan, and give back what they have not done, each unit is done by one of them."""
    plan = SharedPlan([Chunk(0, 0, size // 2), Chunk(1, size // 2, size)], threads)
    plan.callers = threads
    done = []

    def call(number):
        while (turn := plan.wait_for(number)) is not None:
            chunk, _ = turn
            stop = min(chunk.stop, chunk.start + most)
            done.extend(range(chunk.start, stop))
            rest = Chunk(chunk.number, stop, chunk.stop) if stop < chunk.stop else None
            plan.done(chunk, 1e-4, rest)

    calling = [threading.Thread(target=call, args=(number,)) for number in range(threads)]
    for one in calling:
        one.start()
    for one in calling:
        one.join()
    assert sorted(done) == list(range(size))
    assert not plan.unfinished
