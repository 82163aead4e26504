"""What is left of ranges of the source is found whatever was finished of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.engine.scheduling.resume import gaps
from fanout_pipeline.results.store.ledger import Finished


@given(
    edges=st.lists(st.integers(0, 60), max_size=12, unique=True),
    cuts=st.lists(st.integers(0, 60), max_size=12),
    touching=st.booleans(),
)
def test_gaps_are_what_is_not_finished(edges, cuts, touching):
    """Every unit of the ranges is finished or in a gap of one range, and none is in both."""
    pairs = list(pairwise(sorted(edges)))
    done = [Finished(a, b, None) for a, b in (pairs if touching else pairs[::2])]
    ranges = list(pairwise(sorted(cuts)))
    # Iterators: neither is walked through again for each of the other.
    found = list(gaps(iter(ranges), iter(done)))
    units = [unit for start, stop in found for unit in range(start, stop)]
    finished = {unit for one in done for unit in range(one.start, one.stop)}
    asked = {unit for start, stop in ranges for unit in range(start, stop)}
    assert units == sorted(asked - finished)
    assert all(start < stop for start, stop in found)
    assert all(any(a <= start and stop <= b for a, b in ranges) for start, stop in found)
    edges_met = {edge for one in done for edge in (one.start, one.stop)} | set(cuts)
    assert {edge for one in found for edge in one} <= edges_met
