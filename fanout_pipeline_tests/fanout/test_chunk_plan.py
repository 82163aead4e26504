"""Chunks are cut so that all workers end together, whatever items cost; on a simulated clock."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline.fanout.chunk_plan import ChunkPlan
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.fanout.simulated_workers import cut, simulate

PER_CHUNK = 0.001
"""What a chunk costs beyond its items."""
COSTS = st.sampled_from([0.0, 1e-6, 1e-4, 0.002, 0.05, 1.0])


@st.composite
def sources(draw):
    """What the units of a source cost, in stretches that are alike, and how it was cut."""
    stretches = draw(st.lists(st.tuples(COSTS, st.integers(1, 80)), max_size=8))
    costs = [cost for cost, length in stretches for _ in range(length)]
    for place in draw(st.lists(st.integers(0, max(0, len(costs) - 1)), max_size=5)):
        if costs:
            costs[place] *= 200
    chunks = draw(st.integers(1, max(1, len(costs))))
    return costs, cut(len(costs), chunks)


everywhere = given(
    source=sources(), workers=st.integers(1, 8), per_chunk=st.sampled_from([0, 0.001])
)


@everywhere
def test_pieces_are_the_source(source, workers, per_chunk):
    """Whatever is cut short and given out anew, each unit is done exactly once."""
    costs, chunks = source
    done = simulate(costs, chunks, workers, per_chunk=per_chunk).given
    pieces = sorted((one.chunk.start, one.stop) for one in done)
    assert [start for start, _ in pieces] == [0, *(stop for _, stop in pieces[:-1])]
    assert pieces[-1][1] == len(costs)
    assert [one.chunk.number for one in done] == list(range(len(done)))


@everywhere
def test_nothing_is_begun_before_what_comes_earlier(source, workers, per_chunk):
    """A piece is what others have left, or the next that nobody has had; never more than was cut."""
    costs, chunks = source
    frontier = 0
    for one in simulate(costs, chunks, workers, per_chunk=per_chunk).given:
        start, stop = one.chunk.start, one.chunk.stop
        assert start == frontier or stop <= frontier
        assert any(chunk.start <= start and stop <= chunk.stop for chunk in chunks)
        frontier = max(frontier, stop)


@everywhere
def test_fixed_chunks_are_given_out_as_they_are(source, workers, per_chunk):
    """Who asks for certain chunks gets these, in their order, however long they take."""
    costs, chunks = source
    done = simulate(costs, chunks, workers, fixed=True, per_chunk=per_chunk).given
    assert [one.chunk for one in done] == chunks
    assert all(math.isinf(one.limit) for one in done)


@given(source=sources(), workers=st.integers(2, 8))
@example(([1e-4] * 300 + [1.0] * 3, cut(303, 8)), 8)
@example(([1.0] * 3 + [1e-4] * 300, cut(303, 8)), 8)
def test_no_worker_is_late_for_ever(source, workers):
    """Even where all the work lies in one place, the end is not far from what it could be."""
    costs, chunks = source
    run = simulate(costs, chunks, workers, per_chunk=PER_CHUNK)
    work = sum(costs) + PER_CHUNK * len(run.given)
    # While others have nothing to do, a piece goes on for a unit, or for 0.1 s in the beginning, or
    # later for as long as the run has taken so far: twice what was expected, which was half of that.
    # A unit that takes longer still may be followed by another in what is left, of which each worker
    # gets its share, and so on until a share is one unit.
    shares = 2 + math.log(max(1, len(costs)), workers)
    assert run.makespan <= 2 * work / workers + shares * max(costs, default=0) + 0.1


@given(source=sources(), per_chunk=st.sampled_from([0, 0.001]))
def test_one_worker_never_waits(source, per_chunk):
    """Where one worker does all, its time is that of the work, and pieces are cut to show progress."""
    costs, chunks = source
    run = simulate(costs, chunks, 1, per_chunk=per_chunk)
    assert run.makespan == pytest.approx(sum(costs) + per_chunk * len(run.given))
    assert len(run.given) <= len(chunks) + 1 + 5 * sum(costs)


def skewed(count):
    """1 % of the units cost 200 times as much."""
    rng = random.Random(4)
    return [200.0 if rng.random() < 0.01 else 1.0 for _ in range(count)]


WORKLOADS = {
    "even": [1.0] * 4000,
    "rising": [float(n) for n in range(4000)],
    "falling": [float(n) for n in range(4000, 0, -1)],
    "skewed": skewed(4000),
    "skewed, dear last": sorted(skewed(4000)),
    "skewed, dear first": sorted(skewed(4000), reverse=True),
    "dear in the middle": [50.0 if 1600 < n < 2000 else 1.0 for n in range(4000)],
    "all at the end": [1e-3] * 39_600 + [1.0] * 400,
    "all at the beginning": [1.0] * 400 + [1e-3] * 39_600,
}


def of_seconds(costs, seconds):
    scale = seconds / sum(costs)
    return [cost * scale for cost in costs]


@pytest.mark.parametrize("workers", range(2, 9))
@pytest.mark.parametrize("name", WORKLOADS)
def test_workers_end_together(name, workers):
    """4 s of work end in their share for each worker, one unit and 0.15 s, wherever it lies."""
    costs = of_seconds(WORKLOADS[name], 4)
    run = simulate(costs, cut(len(costs), workers), workers, per_chunk=PER_CHUNK)
    # 0.1 s for one worker to find out that it has all the work, if so, and twice the shortest piece.
    assert run.makespan <= 4 / workers + max(costs) + 0.15


@pytest.mark.parametrize("name", WORKLOADS)
def test_two_workers_are_used(name):
    """Two workers with 4 s of work are busy with it for 93 % of their time or more."""
    costs = of_seconds(WORKLOADS[name], 4)
    run = simulate(costs, cut(len(costs), 2), 2, per_chunk=PER_CHUNK)
    assert run.makespan <= 2 / 0.93


@pytest.mark.parametrize(("chunks", "workers"), [(1, 1), (2, 2), (40, 2), (40, 8)])
def test_quick_functions_get_large_chunks(chunks, workers):
    """Where all chunks are quick, hardly any is cut, for each costs more than it takes."""
    run = simulate([2e-6] * 10_000 * chunks, cut(10_000 * chunks, chunks), workers, per_chunk=0.001)
    assert len(run.given) <= chunks + 2 * workers


def test_a_chunk_that_takes_no_time_tells_nothing():
    """Sizes are not divided by a time of zero, as a coarse clock may show."""
    plan = ChunkPlan([Chunk(0, 0, 50), Chunk(1, 50, 100)], 2)
    first = plan.take()
    plan.done(first, 0.0, Chunk(0, 10, 50))
    second = plan.take()
    assert (second.start, second.stop) == (10, 50)
    assert plan.seconds(second) == pytest.approx(0.1)
