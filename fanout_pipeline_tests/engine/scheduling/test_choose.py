"""How many processes: decided from numbers, so numbers show whether it is decided well."""

from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline.engine.scheduling.choose import (
    Costs,
    Outlook,
    most_processes,
    processes,
    seconds_with,
)

SECONDS = st.floats(0, 1e6)
SHARES = st.floats(0, 1)
COSTS = st.builds(Costs, st.floats(0.01, 10), st.floats(0, 0.1))


@given(SECONDS, SHARES, COSTS, st.integers(1, 64), st.integers(1, 64))
def test_more_only_where_they_bring_the_end_nearer(left, computing, costs, cores, most):
    """Never one alone, never more than allowed, never for what would be done before they have started."""
    outlook = Outlook(left, computing)
    chosen = processes(outlook, costs, cores, most)
    assert chosen == 0 or 2 <= chosen <= most
    if chosen:
        assert seconds_with(chosen, outlook, costs, cores) <= 0.9 * left
    if left <= costs.start_seconds:
        assert chosen == 0


@given(SECONDS, COSTS, st.integers(2, 64))
def test_computing_takes_no_more_processes_than_cores(left, costs, cores):
    """Where calls compute, processes beyond the cores would only take memory."""
    most = most_processes(None, cores, 1.0)
    assert processes(Outlook(left, 1.0), costs, cores, most) <= cores


def test_what_waits_takes_more_than_cores():
    """Calls that wait have some processes a core, but not as many as would be of use."""
    assert most_processes(None, 2, 0.01) == 8
    assert most_processes(None, 2, 0.5) == 4
    assert processes(Outlook(60.0, 0.01), Costs(), 2, 8) == 8


def test_what_was_asked_for_is_the_most():
    """A number of workers that somebody has given is kept to, whatever calls do."""
    assert most_processes(3, 2, 0.0) == most_processes(3, 16, 1.0) == 3
