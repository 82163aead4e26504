import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.measuring.statistics.inference import (
    MIN_ROUNDS,
    Claim,
    RatioEstimate,
    claim,
    claims,
    control_estimate,
    noise_floor,
    ratio_estimate,
)
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.measuring.statistics.noise_models import Made


def share(outcomes):
    return sum(outcomes) / len(outcomes)


def judged(ratio, rounds, comparisons, model="calm"):
    """Estimates from rounds that were made up with this true ratio."""
    made = Made(model, [ratio], rounds, comparisons, [rounds, int(100 * ratio)]).seconds
    for first, second, strategy in made.transpose(0, 2, 1):
        yield ratio_estimate(strategy, first, second / first)


def test_medians_alone_claim_falsely():
    """The simulation is hard enough: to compare medians is wrong about every other equal strategy."""
    found = list(judged(1.0, 10, 100))
    assert share([estimate.ratio < 1 for estimate in found]) > 0.3
    assert share([claim(one) is Claim.FASTER for one in found]) <= 0.05


def test_pairs_keep_a_drift_from_being_a_finding():
    """Strategies that are timed one after the other are called faster by a drift, in rounds they are not."""
    seconds = Made("drift", [1.0], 40, 100, 3).seconds
    later = [claim(ratio_estimate(one[20:, 2], one[:20, 0])) for one in seconds]
    assert share([said is not Claim.SAME for said in later]) > 0.3
    rounds = [claim(ratio_estimate(one[:20, 2], one[:20, 0])) for one in seconds]
    assert share([said is not Claim.SAME for said in rounds]) <= 0.08


def test_what_warms_up_for_several_rounds_is_told_from_what_is_steady():
    """Rounds in which a strategy is still warming up are left out, and the report says so."""
    found = list(judged(0.8, 30, 50, "long_warm_up"))
    assert share([one.low <= 0.8 <= one.high for one in found]) >= 0.93
    assert share(["left out" in one.unsteady for one in found]) > 0.9
    assert share([one.unsteady != "" for one in judged(0.8, 30, 50)]) < 0.3


def test_a_ratio_that_moves_is_not_pinned_down():
    """What becomes faster from round to round may become faster still: the interval reaches there."""
    found = ratio_estimate([1.6, 1.5, 1.4, 1.3, 1.2, 1.1], [1.0] * 6)
    assert found.unsteady == "it became faster from round to round"
    assert found.low < 1.0
    assert claim(found) is Claim.SAME


def test_rounds_that_are_alike_count_for_less():
    """Ten rounds in one state and ten in another are not twenty: the interval is wider, and it is said."""
    states = [1.0, 1.01] * 5 + [1.2, 1.21] * 5
    one_by_one = [states[at] for n in range(10) for at in (n, n + 10)] * 2
    alike, not_alike = (ratio_estimate(one, [1.0] * 40) for one in (states * 2, one_by_one))
    assert "neighbouring rounds are alike" in alike.unsteady
    assert alike.high / alike.low > not_alike.high / not_alike.low


def test_one_round_claims_nothing():
    """Of one round there is a ratio, but no interval, no p-value, no floor and no claim."""
    estimate = ratio_estimate([0.1], [1.0], [1.01])
    assert estimate == RatioEstimate(1, pytest.approx(0.1), None, None, None, ())
    assert noise_floor(estimate) == math.inf
    assert claim(estimate) is Claim.TOO_FEW


@pytest.mark.parametrize("rounds", [2, 5, 6, 10, 20, 60])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_equal_ratios_have_an_interval_all_the_same(rounds, ratio):
    """Timings without any noise neither fail nor warn: their interval is that of what no clock sees."""
    reference = [0.7 + 0.1 * here for here in range(rounds)]
    estimate = ratio_estimate([ratio * one for one in reference], reference)
    assert estimate.ratio == pytest.approx(ratio)
    assert 0.85 < estimate.low / ratio < 0.99
    assert 1.01 < estimate.high / ratio < 1.15
    assert estimate.outliers == ()
    expected = {0.1: Claim.FASTER, 1.0: Claim.SAME, 3.0: Claim.SLOWER}
    assert claim(estimate) is expected[ratio]


def test_a_coarse_clock_widens_the_interval():
    """Where times show that the clock has steps, a step of it is not taken for a difference."""
    seconds, reference = [0.05, 0.06, 0.05, 0.06, 0.05, 0.05], [0.06, 0.06, 0.06, 0.05, 0.06, 0.06]
    estimate = ratio_estimate(seconds, reference)
    assert estimate.low < 0.8 < 1 < estimate.high


def test_claims_of_many_are_true_together():
    """Of many strategies that are equal, chance makes one seem different: together that is no finding."""
    one = ratio_estimate([1.0, 1.05, 1.06, 1.04, 1.05], [1.0] * 5)
    clear = ratio_estimate([0.5, 0.51, 0.5, 0.49, 0.5], [1.0] * 5)
    assert claim(one) is Claim.SLOWER
    many = claims({"clear": clear} | {f"way{n}": one for n in range(9)})
    assert many.pop("clear") is Claim.FASTER
    assert set(many.values()) == {Claim.SAME}
    assert claims({"one": one}) == {"one": Claim.SLOWER}


def test_over_sessions_each_counts_once():
    """A hundred rounds in three processes tell what three processes tell, not what a hundred do."""
    jitter = [0.99, 1.0, 1.01] * 10
    sessions = [n for n in (1, 2, 3) for _ in jitter]
    seconds = [level * one for level in (0.9, 1.0, 1.1) for one in jitter]
    within = ratio_estimate(seconds, [1.0] * 90)
    over = ratio_estimate(seconds, [1.0] * 90, sessions=sessions)
    assert (within.sessions, over.sessions) == (1, 3)
    assert over.low < 0.8 < 1.2 < over.high
    assert ratio_estimate(seconds, [1.0] * 90, sessions=[1] * 45 + [2] * 45).sessions == 1


@pytest.mark.parametrize("others", [[0.99, 1.0, 1.01, 0.98, 1.02], [1.0] * 5])
def test_outliers_are_flagged_and_kept(others):
    """A round far from the others is named, and is still one of the rounds that were counted."""
    estimate = ratio_estimate([*others, 3.0], [1.0] * 6)
    assert estimate.outliers == (5,)
    assert estimate.rounds == 6
    assert estimate.high > ratio_estimate(others, [1.0] * 5).high


def test_the_floor_is_the_further_end_of_the_control():
    """0.25 either way: 1.25 times as long and 0.8 times as long are the same distance."""
    assert noise_floor(RatioEstimate(9, 1.0, 0.8, 1.1, 1.0, ())) == pytest.approx(0.25)
    assert noise_floor(RatioEstimate(9, 1.0, 0.9, 1.25, 1.0, ())) == pytest.approx(0.25)
    assert 0.02 < noise_floor(control_estimate([1.0] * 9, [1.0] * 9)) < 0.03


def test_the_control_relates_the_second_run_to_the_first():
    """A ratio over 1 says that the reference's second runs took longer."""
    assert control_estimate([1.0] * 9, [2.0] * 9).ratio == pytest.approx(2)


@pytest.mark.parametrize(
    ("seconds", "reference", "text"),
    [
        ([1.0], [1.0, 2.0], "1 timings cannot be paired with 2"),
        ([], [], "at least one round"),
        ([1.0, 0.0], [1.0, 1.0], r"Round 1 took 0\.0 and 1\.0 s"),
        ([1.0], [math.nan], "Round 0 took"),
        ([math.inf], [1.0], "Round 0 took"),
    ],
)
def test_what_is_no_pair_of_timings_is_refused(seconds, reference, text):
    """Rounds that do not pair, and times that are none, are named instead of estimated."""
    with pytest.raises(ValueError, match=text):
        ratio_estimate(seconds, reference)


def test_importing_it_does_not_import_scipy():
    """A step process that imports this module does not wait for scipy."""
    code = "import sys, fanout_pipeline.measuring.statistics.inference; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


pairs = st.lists(
    st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)), min_size=MIN_ROUNDS, max_size=40
)
few_examples = settings(max_examples=examples(25), deadline=None)


@few_examples
@given(pairs, st.sampled_from([2.0**-20, 0.5, 2.0, 1024.0]))
def test_units_do_not_matter(pairs, factor):
    """Milliseconds give what seconds give."""
    seconds, reference = zip(*pairs, strict=True)
    scaled = [[factor * one for one in side] for side in (seconds, reference)]
    assert ratio_estimate(*scaled) == ratio_estimate(seconds, reference)


@few_examples
@given(pairs)
def test_swapped_sides_give_the_inverse(pairs):
    """Which side is the reference changes the direction of a finding, not its size."""
    seconds, reference = zip(*pairs, strict=True)
    there, back = ratio_estimate(seconds, reference), ratio_estimate(reference, seconds)
    assert (back.ratio, back.low, back.high) == pytest.approx(
        (1 / there.ratio, 1 / there.high, 1 / there.low)
    )
    assert back.p_value == pytest.approx(there.p_value)
    assert back.outliers == there.outliers


@few_examples
@given(pairs)
def test_a_claim_agrees_with_its_ratio(pairs):
    """What is called faster has its whole interval under 1; slower, over it; nothing else has."""
    estimate = ratio_estimate(*zip(*pairs, strict=True))
    said = claim(estimate)
    assert (said is Claim.FASTER) == (estimate.high < 1)
    assert (said is Claim.SLOWER) == (estimate.low > 1)
