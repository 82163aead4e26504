"""Which assets are compared with the trials."""

import pytest

from fanout_pipeline.defs.lab.comparison_asset import is_compared


@pytest.mark.parametrize(
    ("strategy", "ran", "materialized", "compared"),
    [
        ("queue", {"serial", "queue"}, True, True),
        ("queue", {"serial"}, True, False),  # Its results may be of an earlier input.
        ("queue", {"serial", "queue"}, False, False),
        ("threads", {"serial"}, False, True),  # The error says what to materialize.
    ],
)
def test_a_baseline_is_compared_only_if_the_trials_ran_it(strategy, ran, materialized, compared):
    """Results of a baseline that the trials left out do not keep the others from being compared."""
    assert is_compared(strategy, ran, lambda name: materialized) is compared
