"""A chunk can be cut around any of its items, and nothing is lost or twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.fanout.assignments import split_at
from fanout_pipeline.sources import TextLines


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
        return [] if chunk is None else source.parse(source.load(chunk), 0)

    for chunk in source.cut(chunks):
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
