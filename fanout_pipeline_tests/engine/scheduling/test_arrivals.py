"""Chunks of an input that is still arriving: whatever comes when, each unit is given out once, in order."""

from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline.engine.model.arrivals import Arrivals, New
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.sources.source import Chunk


class Scripted(Arrivals):
    """Gives what a test says, one step each time it is asked."""

    longest = 50

    def __init__(self, steps, fails=False):
        self._steps = list(steps)
        self._fails = fails
        self.seen = 0
        self.released = 0

    def new(self):
        if not self._steps:
            return New([], ended=True, failed=self._fails)
        size = self._steps.pop(0)
        start, self.seen = self.seen, self.seen + size
        chunks = [
            Chunk(0, begin, min(self.seen, begin + self.longest))
            for begin in range(start, self.seen, self.longest)
        ]
        return New(chunks, ended=not self._steps and not self._fails)

    def taken(self, units):
        self.released = self.seen if units is None else units

    def size(self):
        return None


STEPS = st.lists(st.integers(0, 200), max_size=30)
DONE = st.lists(
    st.tuples(st.sampled_from(["done", "cut short", "lost"]), st.sampled_from([1e-6, 1e-3, 1.0])),
    min_size=1,
    max_size=20,
)


def given_out(plan, outcomes, workers):
    """The ranges that were done, by workers that do what `outcomes` say, over and over."""
    done, busy, number = [], [], 0
    while True:
        while len(busy) < workers and (chunk := plan.take()) is not None:
            busy.append(chunk)
        if not busy:
            if not plan.awaits:
                return done
            continue
        chunk = busy.pop(0)
        how, seconds = outcomes[number % len(outcomes)]
        number += 1
        if how == "lost":
            plan.lost(chunk)
            again = plan.numbered(chunk.start, chunk.stop)
            plan.done(again, seconds, None)
            done.append((again.start, again.stop))
        elif how == "cut short" and chunk.size > 1:
            middle = chunk.start + chunk.size // 2
            plan.done(chunk, seconds, Chunk(chunk.number, middle, chunk.stop))
            done.append((chunk.start, middle))
        else:
            plan.done(chunk, seconds, None)
            done.append((chunk.start, chunk.stop))


@given(STEPS, DONE, st.integers(1, 4), st.booleans())
@example([], [("done", 1.0)], 1, False)
@example([0, 0, 7], [("cut short", 1e-6)], 2, False)
def test_whatever_arrives_when_is_given_out_once(steps, outcomes, workers, fixed):
    """Nothing is lost, nothing is done twice, and what was not begun is begun in the order of the input."""
    arrivals = Scripted(steps)
    plan = ChunkPlan((), workers, fixed, arrivals=arrivals)
    done = [one for one in sorted(given_out(plan, outcomes, workers)) if one[0] < one[1]]
    edges = [0, *(stop for _, stop in done)]
    assert [start for start, _ in done] == edges[:-1]
    assert edges[-1] == sum(steps) == plan.size == plan.expected_size()


@given(STEPS, st.integers(1, 4))
def test_nothing_is_begun_once_the_rest_cannot_be_had(steps, workers):
    """A run whose input fails ends with what it has begun, so soon."""
    plan = ChunkPlan((), workers, arrivals=Scripted(steps, fails=True))
    given = []
    while plan.awaits:
        if (chunk := plan.take()) is not None:
            given.append(chunk)
            plan.done(chunk, 1.0, None)
    assert plan.is_cut_off
    assert plan.take() is None
    assert sum(chunk.size for chunk in given) <= sum(steps)


def test_what_arrives_piece_by_piece_is_given_out_together():
    """A source that gives little at a time makes no part of each little."""
    plan = ChunkPlan((), 1, arrivals=Scripted([10] * 20))
    for _ in range(10):
        plan.arrive()
    assert (plan.take().size, plan.take().size) == (50, 50)
