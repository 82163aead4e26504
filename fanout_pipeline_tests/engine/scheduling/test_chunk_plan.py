"""Chunks are cut so that all workers end together, whatever items cost; on a simulated clock."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.engine.scheduling.simulated_workers import cut, simulate

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


def of_hours(name, hours):
    """A workload for 8 workers in 400,000 units."""
    costs = WORKLOADS[name]
    return of_seconds(
        [cost for cost in costs for _ in range(400_000 // len(costs))], 28_800 * hours
    )


@pytest.mark.parametrize("hours", [1, 100])
@pytest.mark.parametrize("name", WORKLOADS)
def test_long_runs_have_long_pieces(name, hours):
    """A run has some hundreds of parts a worker, of which ten times the time makes 230 more."""
    costs = of_hours(name, hours)
    run = simulate(costs, cut(len(costs), 8), 8, per_chunk=PER_CHUNK)
    # 100 pieces of a second, then each 1 % of all before it; twice that many where the pace changes.
    assert len(run.given) <= 8 * (200 + 100 * math.log(36 * hours))


@pytest.mark.parametrize("name", WORKLOADS)
def test_long_runs_end_together(name):
    """A run of ten hours ends ten seconds and a unit after its share for each worker, at most."""
    costs = of_hours(name, 10)
    run = simulate(costs, cut(len(costs), 8), 8, per_chunk=PER_CHUNK)
    assert run.makespan <= 36_000 + max(costs) + 10


def after(seconds, workers):
    """A plan whose workers have worked for so many seconds each, at 1,000 units a second."""
    plan = ChunkPlan(cut(10**9, 8), workers)
    chunk = plan.take()
    rest = Chunk(chunk.number, chunk.start + 1000 * seconds * workers, chunk.stop)
    plan.done(chunk, seconds * workers, rest)
    return plan


@pytest.mark.parametrize("workers", [1, 8])
def test_a_piece_is_a_share_of_the_past(workers):
    """What a run can lose with a piece is 1 % of what a worker has done, and 2 % where it is slower."""
    plan = after(5000, workers)
    chunk = plan.take()
    assert chunk.stop - chunk.start == 50_000
    assert plan.seconds(chunk) == pytest.approx(2 * 50)


def test_pieces_are_shorter_after_a_death():
    """Where workers die again and again, they do not lose more and more by it."""
    plan = after(5000, 8)
    sizes = []
    for _ in range(8):
        chunk = plan.take()
        sizes.append(chunk.stop - chunk.start)
        plan.lost(chunk)
    expected = [50_000, 25_000, 12_500, 6_250, 3_125, 1_562.5, 1_000, 1_000]
    assert sizes == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("workers", [2, 8, 32, 100])
def test_many_threads_that_wait(workers):
    """Threads that wait beside each other do not wait for each other's parts for longer than that."""
    waits = 31 * workers
    run = simulate([0.005] * waits, cut(waits, workers), workers, per_chunk=0.0015, in_turn=True)
    assert run.makespan < 1.1 * (31 * 0.005 + 0.0015 * max(8, workers))


@pytest.mark.parametrize("slow_first", [True, False])
@pytest.mark.parametrize("workers", [32, 100, 500])
def test_many_threads_some_of_which_wait_long(workers, slow_first):
    """A few long waits beside each other are found and shared out, within a second or two."""
    costs = [0.5] * (5 * workers) + [0.005] * (95 * workers)
    costs = costs if slow_first else costs[::-1]
    run = simulate(costs, cut(len(costs), workers), workers, per_chunk=0.0015, in_turn=True)
    paid = 0.0015 * len(run.given)
    assert run.makespan < sum(costs) / workers + paid + 2
    assert max(one.limit for one in run.given) < 2.2


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
