"""A chunk can be cut around any of its items, and nothing is lost or twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import TextLines
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.scheduling.assignments import Assignments, split_at
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.suspects import Death, Suspects
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.engine.scheduling.simulated_workers import cut


@given(
    lines=st.lists(st.text("ab", max_size=3), min_size=1, max_size=9),
    end=st.sampled_from(["\n", ""]),
    chunks=st.integers(1, 12),
    data=st.data(),
)
@pytest.mark.filterwarnings("ignore")
def test_a_chunk_around_an_item(tmp_path_factory, lines, end, chunks, data):
    """Before, item and after have the items of the chunk, the item's alone in the middle."""
    if not end and not lines[-1]:
        lines.append("c")
    path = tmp_path_factory.mktemp("split") / "lines.txt"
    path.write_text("\n".join(lines) + end)
    source = TextLines(str(path))

    def items(chunk):
        return [] if chunk is None else list(source.read(chunk))

    for chunk in source.chunks(chunks):
        whole = items(chunk)
        for position in range(len(whole)):
            split = split_at(source, chunk, position)
            assert list(items(split.before)) == list(whole[:position])
            assert list(items(split.item)) == [whole[position]]
            assert list(items(split.after)) == list(whole[position + 1 :])
            there = [part for part in (split.before, split.item, split.after) if part]
            assert all(part.start < part.stop for part in there)
            assert [part.start for part in there[1:]] == [part.stop for part in there[:-1]]
            assert (there[0].start, there[-1].stop) == (chunk.start, chunk.stop)


def test_a_long_piece_is_done_again_in_some_pieces():
    """A piece of 1,000 s that a worker died with is done again in tens of pieces, not in thousands."""
    assignments = Assignments(ChunkPlan(cut(10**9, 2), 2), Suspects(FailurePolicy(), 2))
    first = assignments.take(0.0)
    assignments.done(first, 200_000.0, Chunk(0, 200_000_000, first.chunk.stop))
    lost = assignments.take(0.0)
    assert lost.chunk.stop - lost.chunk.start == 1_000_000
    assignments.died(lost, Death("was killed", 900.0), None, 0.0)
    pieces = []
    while assignments.again:
        again = assignments.take(0.0)
        assert again.suspect is not None
        stop = min(again.chunk.stop, again.chunk.start + round(1000 * again.seconds))
        pieces.append(stop - again.chunk.start)
        rest = Chunk(again.chunk.number, stop, again.chunk.stop)
        assignments.done(again, pieces[-1] / 1000, rest if rest.start < rest.stop else None)
    assert sum(pieces) == 1_000_000
    assert 10 <= len(pieces) <= 20
    assert max(pieces) <= 100_000
