import math
import subprocess
import sys

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.measuring.statistics.inference import (
    MIN_ROUNDS,
    Claim,
    RatioEstimate,
    claim,
    control_estimate,
    noise_floor,
    ratio_estimate,
    reference_seconds,
)
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.measuring.statistics.simulated_rounds import simulated_rounds

RATIOS = (0.5, 0.97, 1.0, 1.03, 2.0)
QUICK = {"resamples": 499}


def share(outcomes):
    return sum(outcomes) / len(outcomes)


def judged(ratio, rounds, simulations, **noise):
    """Estimates and noise floors of rounds that were made up with this true ratio."""
    random = numpy.random.default_rng([rounds, int(100 * ratio)])
    made = simulated_rounds(random, ratio, rounds, simulations, **noise)
    for first, second, strategy in made.swapaxes(0, 1):
        reference = reference_seconds(first, second)
        control = ratio_estimate(second, first, **QUICK)
        yield ratio_estimate(strategy, reference, **QUICK), noise_floor(control)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [5, 6, 10, 30])
def test_intervals_cover_and_claims_are_true(rounds):
    """Under drift, a step and outliers, 93 % of intervals hold the truth; 5 % of claims at most are false."""
    covered, faster, slower = [], [], []
    for ratio in RATIOS:
        for estimate, floor in judged(ratio, rounds, 60):
            covered.append(estimate.low <= ratio <= estimate.high)
            said = claim(estimate, floor)
            faster += [said is Claim.FASTER] * (ratio >= 1)
            slower += [said is Claim.SLOWER] * (ratio <= 1)
    assert share(covered) >= 0.93
    assert share(faster) <= 0.05
    assert share(slower) <= 0.05


@pytest.mark.parametrize(("ratio", "said"), [(0.5, Claim.FASTER), (2.0, Claim.SLOWER)])
def test_a_large_difference_is_found(ratio, said):
    """With 10 rounds, twice or half the time is seen in four of five cases; caution is not silence."""
    assert share([claim(*one) is said for one in judged(ratio, 10, 100)]) > 0.8


def test_medians_alone_claim_falsely():
    """The simulation is hard enough: to compare medians is wrong about every other equal strategy."""
    found = list(judged(1.0, 10, 100))
    assert share([estimate.ratio < 1 for estimate, _ in found]) > 0.3
    assert not any(claim(*one) is Claim.FASTER for one in found)


def test_equal_strategies_have_a_ratio_of_one():
    """Skewed noise and outliers pull the ratio to neither side, as a mean of both reference runs would."""
    first, second, strategy = simulated_rounds(numpy.random.default_rng(5), 1.0, 30, 3000)

    def off(reference):
        return abs(numpy.median(numpy.median(strategy / reference, axis=-1)) - 1)

    rows = [reference_seconds(*runs) for runs in zip(first, second, strict=True)]
    assert off(numpy.array(rows)) < 0.002
    assert off(numpy.sqrt(first * second)) > 0.006


def test_an_unsmoothed_bootstrap_covers_too_little():
    """The simulation can refuse a method: SciPy's percentile bootstrap of 7 rounds fails where ours holds."""
    from scipy.stats import bootstrap

    first, _, strategy = simulated_rounds(numpy.random.default_rng(7), 1.0, 7, 500)
    low, high = bootstrap(
        (numpy.log(strategy / first),),
        numpy.median,
        axis=-1,
        n_resamples=499,
        method="percentile",
        rng=0,
    ).confidence_interval
    assert ((low <= 0) & (high >= 0)).mean() < 0.90
    ours = [ratio_estimate(*pair, **QUICK) for pair in zip(strategy, first, strict=True)]
    assert share([one.low <= 1 <= one.high for one in ours]) >= 0.93


def test_the_floor_keeps_a_cold_start_from_being_a_finding():
    """What favours all but the first run of a round shows in the control, so it is not claimed."""
    found = list(judged(1.0, 30, 100, cold_start=1.1))
    assert share([claim(estimate, 0.0) is Claim.FASTER for estimate, _ in found]) > 0.9
    assert share([claim(*one) is Claim.FASTER for one in found]) <= 0.05


def test_pairs_keep_a_drift_from_being_a_finding():
    """Strategies that are timed one after the other are called faster by a drift, in rounds they are not."""
    seconds = simulated_rounds(numpy.random.default_rng(3), 1.0, 40, 200)
    first, second, strategy = seconds.copy()
    later = [
        claim(
            ratio_estimate(strategy[i, 20:], first[i, :20], **QUICK),
            noise_floor(ratio_estimate(second[i, :20], first[i, :20], **QUICK)),
        )
        for i in range(200)
    ]
    assert share([said is not Claim.SAME for said in later]) > 0.3
    assert share([claim(*one) is not Claim.SAME for one in judged(1.0, 20, 100)]) <= 0.05


@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_too_few_rounds_claim_nothing(rounds):
    """Under 5 rounds there is a ratio, but no interval, no p-value, no floor and no claim."""
    estimate = ratio_estimate([0.1] * rounds, [1.0] * rounds)
    assert estimate == RatioEstimate(rounds, pytest.approx(0.1), None, None, None, ())
    assert noise_floor(estimate) == math.inf
    assert claim(estimate, 0.0) is Claim.TOO_FEW


@pytest.mark.parametrize("rounds", [5, 6, 10, 20, 60])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_equal_ratios_have_an_interval_of_no_width(rounds, ratio):
    """Timings without any noise neither fail nor warn, and their difference is claimed."""
    reference = [0.7 + 0.1 * here for here in range(rounds)]
    estimate = ratio_estimate([ratio * one for one in reference], reference)
    assert estimate.ratio == estimate.low == estimate.high == pytest.approx(ratio)
    assert estimate.outliers == ()
    expected = {0.1: Claim.FASTER, 1.0: Claim.SAME, 3.0: Claim.SLOWER}
    assert claim(estimate, 0.0) is expected[ratio]


def test_p_values_start_at_six_rounds():
    """Five rounds can give no two-sided p-value under 0.05, so none is given; six can."""
    assert ratio_estimate([0.5, 0.6, 0.7, 0.8, 0.9], [1.0] * 5).p_value is None
    six = ratio_estimate([0.5, 0.6, 0.7, 0.8, 0.9, 0.95], [1.0] * 6)
    assert six.p_value == pytest.approx(2 / 2**6)


@pytest.mark.parametrize("others", [[0.99, 1.0, 1.01, 0.98, 1.02], [1.0] * 5])
def test_outliers_are_flagged_and_kept(others):
    """A round far from the others is named, and is still one of the rounds that were counted."""
    estimate = ratio_estimate([*others, 3.0], [1.0] * 6)
    assert estimate.outliers == (5,)
    assert estimate.rounds == 6
    assert estimate.high > ratio_estimate(others, [1.0] * 5).high


@pytest.mark.parametrize(
    ("low", "high", "p_value", "said"),
    [
        (0.5, 0.9, 0.01, Claim.FASTER),
        (0.5, 0.9, 0.05, Claim.SAME),
        (0.5, 0.9, None, Claim.FASTER),
        (0.5, 1 / 1.05, 0.01, Claim.SAME),  # it touches the floor
        (0.5, 2.0, 0.01, Claim.SAME),
        (1.05, 2.0, 0.01, Claim.SAME),
        (1.06, 2.0, 0.01, Claim.SLOWER),
        (1.06, 2.0, 0.2, Claim.SAME),
    ],
)
def test_a_claim_needs_the_whole_interval_and_the_test(low, high, p_value, said):
    """A difference is claimed only if interval and p-value both show it; touching the floor is inside."""
    assert claim(RatioEstimate(MIN_ROUNDS, 1.0, low, high, p_value, ()), 0.05) is said


def test_the_floor_is_the_further_end_of_the_control():
    """0.25 either way: 1.25 times as long and 0.8 times as long are the same distance."""
    assert noise_floor(RatioEstimate(9, 1.0, 0.8, 1.1, 1.0, ())) == pytest.approx(0.25)
    assert noise_floor(RatioEstimate(9, 1.0, 0.9, 1.25, 1.0, ())) == pytest.approx(0.25)
    assert noise_floor(control_estimate([1.0] * 9, [1.0] * 9)) == 0


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
@given(pairs, st.integers(0, 3), st.sampled_from([2.0**-20, 0.5, 2.0, 1024.0]))
def test_units_do_not_matter(pairs, seed, factor):
    """Milliseconds give what seconds give, and the same seed gives the same once more."""
    seconds, reference = zip(*pairs, strict=True)
    scaled = [[factor * one for one in side] for side in (seconds, reference)]
    here = ratio_estimate(seconds, reference, seed=seed, **QUICK)
    assert ratio_estimate(*scaled, seed=seed, **QUICK) == here


@few_examples
@given(pairs)
def test_swapped_sides_give_the_inverse(pairs):
    """Which side is the reference changes the direction of a finding, not its size."""
    seconds, reference = zip(*pairs, strict=True)
    there = ratio_estimate(seconds, reference, **QUICK)
    back = ratio_estimate(reference, seconds, **QUICK)
    assert (back.ratio, back.low, back.high) == pytest.approx(
        (1 / there.ratio, 1 / there.high, 1 / there.low)
    )
    assert back.p_value == pytest.approx(there.p_value)
    assert back.outliers == there.outliers


@few_examples
@given(pairs, st.floats(0, 10))
def test_a_claim_agrees_with_its_ratio(pairs, floor):
    """What is called faster took less time in the median, beyond the floor; slower took more."""
    seconds, reference = zip(*pairs, strict=True)
    estimate = ratio_estimate(seconds, reference, resamples=199)
    said = claim(estimate, floor)
    if said is Claim.FASTER:
        assert estimate.high < 1 / (1 + floor)
    if said is Claim.SLOWER:
        assert estimate.low > 1 + floor
    assert said is not Claim.TOO_FEW
