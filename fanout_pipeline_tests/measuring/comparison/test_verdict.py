"""What to do, in a sentence that can be relied on, or withheld with the reason."""

import random
import re

import pytest

from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.descriptions import shown
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.measuring.statistics.inference import claim, ratio_estimate
from fanout_pipeline_tests.measuring.trials.simulated import noisy_trials, trial, trial_run

COLD = {
    "start_method": "spawn",
    "start_seconds": 0.25,
    "warm_seconds": 0.07,
    "phases": {"call": 0.015, "start": 0.25},
}


def decided(ratios, **options):
    trials = noisy_trials(ratios, **options)
    return decide(compare(trial_run(), trials), trials)


def test_the_fastest_is_recommended_with_its_interval():
    """The sentence names the strategy, how many times faster it is, and the 95 % interval."""
    verdict = decided({"threads": 1 / 15, "multiprocess": 0.5})
    assert verdict.use == "threads"
    assert verdict.trusted
    assert verdict.ratio == pytest.approx(1 / 15, rel=0.05)
    assert verdict.ratio_ci95[0] <= verdict.ratio <= verdict.ratio_ci95[1]
    assert verdict.sentence.startswith("Use threads: 1")
    assert "x faster than serial (95 % 14." in verdict.sentence


def test_stay_serial_says_from_where_on_it_would_pay():
    """ "Stay serial" says how many items, or how much more work, would change that."""
    verdict = decided(
        {"threads": 1.3, "multiprocess": 3.2}, multiprocess=COLD, serial={"phases": {"call": 0.03}}
    )
    assert verdict.use == "stay serial"
    assert verdict.trusted
    assert verdict.sentence.startswith("Stay serial: multiprocess would be 3")
    # Paid once: 0.35 - 0.07 s. Gained: 0.11 - 0.07 s with 100,000 items. More work is halved.
    assert re.search(
        r"it pays from about [67]\d0,000 items or [45]\.[0-9]+ µs more work an item$",
        verdict.reason,
    )


def test_a_noisy_machine_has_wide_intervals():
    """Noise withholds what it hides, and not what shows in spite of it."""
    verdict = decided({"threads": 0.7}, noise=0.5, rounds=8)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert re.search(r"threads is not told apart from serial \(0\.\d\d-\d\.\d\d", verdict.reason)
    assert "raise budget_seconds and rounds" in verdict.reason
    assert decided({"threads": 0.1}, noise=0.5, rounds=8).use == "threads"


def test_one_round_gives_no_verdict():
    """Of one round there is no verdict, however large the difference."""
    verdict = decided({"threads": 0.1}, rounds=1)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "threads ran in one round only" in verdict.reason


@pytest.mark.parametrize("rounds", [2, 4])
def test_few_rounds_give_a_bound(rounds):
    """Of two to four rounds it is said what is faster and by how much at least, and no ratio."""
    verdict = decided({"threads": 0.1}, rounds=rounds)
    assert (verdict.use, verdict.trusted) == ("threads", True)
    assert re.match(r"at least [89]\.\d+x faster than serial within this run$", verdict.reason)


def test_equal_strategies_stay_serial():
    """What is shown to be at most 5 % faster is not worth a change, and the sentence says so."""
    verdict = decided({"threads": 1.0})
    assert (verdict.use, verdict.trusted) == ("stay serial", True)
    assert verdict.reason.startswith("nothing is more than 5 % faster than serial within this run")


def test_what_is_not_shown_to_be_equal_is_not_called_so():
    """Half a dozen noisy rounds show neither a difference nor that there is none."""
    verdict = decided({"threads": 1.0}, rounds=6, noise=0.1)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)


def test_of_two_equally_fast_the_simpler_is_recommended():
    """Two nights with the same trials do not give two verdicts: the first listed of equals wins."""
    ratios = {"threads": 0.5, "multiprocess": 0.499}
    assert {decided(ratios, seed=seed).use for seed in range(10)} == {"threads"}


def test_the_simpler_is_not_recommended_for_being_indistinguishable():
    """Where rounds are too few to show that two are alike, the faster is named, and what it may cost."""
    ratios = {"threads": 0.60, "pool_map": 0.52, "multiprocess": 0.50}
    verdicts = [decided(ratios, rounds=6, noise=0.06, seed=seed) for seed in range(20)]
    assert "threads" not in {verdict.use for verdict in verdicts}
    unsure = [verdict for verdict in verdicts if verdict.times_best > 1.05]
    assert unsure
    for verdict in unsure:
        assert {"pool_map", "multiprocess"} <= set(verdict.possible_bests)
        assert re.search(
            r"may be the fastest: \w+ takes at most \d+ % longer than the best$", verdict.reason
        )


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"wrong": 3}, "got 3 results wrong"),
        ({"missing": 1}, "is missing 1 result"),
        ({"missing": 5, "duplicated": 3}, "is missing 5 results and duplicated 3"),
        ({"out_of_place": 3}, "gave 3 results out of order"),
    ],
)
def test_a_fast_wrong_result_is_not_recommended(faults, told):
    """Results that are wrong, lost, repeated or out of order rule a strategy out, and it is said."""
    verdict = decided({"queue": 0.1, "threads": 0.5}, queue=faults)
    assert verdict.use == "threads"
    assert any(f"queue {told}: it is not" in ground for ground in verdict.grounds)


def test_an_order_kept_by_chance_is_not_recommended():
    """A strategy that loses the order by its design is not recommended where it happened not to."""
    verdict = decided({"queue": 0.1, "threads": 0.5})
    assert verdict.use == "threads"
    assert any(ground.startswith("queue keeps no order") for ground in verdict.grounds)


def test_nothing_right_but_serial():
    """Where every other way gives wrong results, serial it is."""
    verdict = decided({"queue": 0.1}, queue={"wrong": 1})
    assert (verdict.use, verdict.trusted) == ("stay serial", True)


def test_vectorising_is_reported_apart_from_fanning_out():
    """A faster batch function is recommended, and it is said that fanning out does not pay."""
    verdict = decided({"threads": 1.2, "vectorized": 0.5})
    assert verdict.use == "vectorized"
    grounds = " ".join(verdict.grounds)
    assert "Vectorising: vectorized was 2" in grounds
    assert "Fanning out, the best way: threads was 1" in grounds


def test_cold_is_reported_apart_from_warm():
    """Workers that are slow to start and quick to work are described as both."""
    verdict = decided({"threads": 1.3, "multiprocess": 3.2}, multiprocess=COLD)
    assert any(
        ground.startswith("multiprocess started cold was 3") and "already running, 1" in ground
        for ground in verdict.grounds
    )


def test_no_items_no_verdict():
    """Of no items nothing is said."""
    verdict = decided({"threads": 0.5}, serial={"items": 0}, threads={"items": 0})
    assert (verdict.use, verdict.reason) == ("cannot tell", "there are no items")


def test_a_strategy_too_slow_for_five_rounds_does_not_hinder_the_verdict():
    """Two rounds of something 50 times slower do not keep the rest from being judged."""
    trials = [
        one
        for one in noisy_trials({"threads": 0.5, "dagster_spawn": 50})
        if one.strategy != "dagster_spawn" or one.round in (1, 20)
    ]
    verdict = decide(compare(trial_run(), trials), trials)
    assert (verdict.use, verdict.trusted) == ("threads", True)


def test_a_promising_strategy_that_ran_once_withholds_the_verdict():
    """Something that seems fastest but was tried once is not recommended, nor passed over."""
    trials = [
        one
        for one in noisy_trials({"threads": 0.9, "pool_map": 0.3})
        if one.strategy != "pool_map" or one.round < 2
    ]
    verdict = decide(compare(trial_run(), trials), trials)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "pool_map ran in one round only" in verdict.reason


def test_one_that_ran_once_and_is_not_far_behind_is_named():
    """Where there was no time to try it again, the sentence says what was not compared."""
    trials = [
        one
        for one in noisy_trials({"threads": 0.5, "pool_map": 0.6, "queue": 3.0})
        if one.strategy == "threads" or one.strategy == "serial" or one.round < 2
    ]
    verdict = decide(compare(trial_run(), trials), trials)
    assert verdict.use == "threads"
    assert verdict.reason.endswith("; pool_map ran in one round only")


def test_a_strategy_that_failed_is_not_recommended():
    """A strategy that crashed in its eighth round is ruled out, however fast it was until then."""
    run = trial_run(failures={"threads": "WorkerDied: killed\nmore"})
    trials = noisy_trials({"threads": 0.3, "multiprocess": 0.5})
    verdict = decide(compare(run, trials), trials)
    assert verdict.use == "multiprocess"
    assert any("threads failed (WorkerDied: killed)" in ground for ground in verdict.grounds)


def test_the_ratio_is_of_the_strategy_that_the_sentence_names():
    """Who reads the sentence and who reads the number read of the same strategy."""
    verdict = decided(
        {"threads": 1.3, "multiprocess": 3.2}, multiprocess=COLD, serial={"phases": {"call": 0.03}}
    )
    assert verdict.strategy == "multiprocess"
    assert verdict.ratio == pytest.approx(3.2, rel=0.05)


def test_trials_that_never_got_beyond_the_warm_up_withhold_the_verdict():
    """A function of minutes is answered by what the budget would have to be, not by a crash."""
    trials = [trial("serial", 0, 100.0), trial("threads", 0, 50.0)]
    compared = compare(trial_run(), trials)
    verdict = decide(compared, trials)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "threads ran in one round only" in verdict.reason
    assert compared.row("serial").wall_seconds == 100


@pytest.mark.parametrize("seed", range(3))
def test_the_first_listed_does_not_depend_on_the_order_of_the_trials(seed):
    """Of two equally fast strategies the same one is recommended, whichever ran first."""
    trials = noisy_trials({"multiprocess": 0.5, "threads": 0.5}, seed=seed)
    assert decide(compare(trial_run(), trials), trials).use == "threads"


def test_one_that_may_be_faster_does_not_hinder_one_that_is():
    """Something that swings around a good mean withholds no verdict on what is shown to be faster."""
    chance = random.Random(2)
    trials = noisy_trials({"threads": 0.8})
    trials += [
        trial("multiprocess", number, 0.1 * 0.75 * chance.choice([0.4, 0.6, 1.0, 1.6, 2.2]))
        for number in range(1, 31)
    ]
    verdict = decide(compare(trial_run(), trials), trials)
    assert (verdict.use, verdict.trusted) == ("threads", True)
    assert re.search(
        r"; multiprocess may be the fastest: threads takes at most \d\d % longer than the best$",
        verdict.reason,
    )


def test_the_simpler_is_recommended_with_its_reason():
    """Whoever sees a faster one in the table reads why it is not the one recommended."""
    verdict = decided({"threads": 0.505, "multiprocess": 0.5}, seed=1)
    assert verdict.use == "threads"
    assert verdict.reason.endswith("; multiprocess is at most 3 % faster, and threads is simpler")


def test_nothing_to_compare_is_no_reason_to_stay_serial():
    """Where all others failed, or none was tried, that is said, and no verdict is kept."""
    trials = noisy_trials({})
    failed = trial_run(failures={"multiprocess": "TypeError: no\nmore"})
    verdict = decide(compare(failed, trials), trials)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "multiprocess failed, and nothing else was compared" in verdict.reason
    assert "multiprocess failed (TypeError: no): it was left out." in verdict.grounds
    verdict = decide(compare(trial_run(), trials), trials)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "name strategies, or raise budget_seconds" in verdict.reason


def test_threads_are_not_said_to_pay_for_more_python():
    """More work an item in Python is not shared by threads, however little they lose here."""
    verdict = decided(
        {"threads": 1.2}, serial={"phases": {"call": 0.03}}, threads={"phases": {"call": 0.015}}
    )
    assert verdict.use == "stay serial"
    assert "it pays" not in verdict.reason


def test_warm_workers_are_said_to_be_faster_only_where_that_is_shown():
    """A warm time within chance is not called a gain, and no item count follows from it."""
    warm = COLD | {"warm_seconds": 0.11}
    verdict = decided(
        {"multiprocess": 3.2}, multiprocess=warm, noise=0.08, serial={"phases": {"call": 0.03}}
    )
    assert any(
        "already running, not told apart from serial" in ground for ground in verdict.grounds
    )
    assert "items" not in verdict.reason.partition("; ")[2]


def test_what_a_ratio_shows_is_said_and_no_more():
    """One trial is called one; a factor that may be chance is no factor; of few rounds there is a bound."""
    said = [
        shown(estimate, claim(estimate), "serial")
        for estimate in (
            ratio_estimate([0.2], [0.1]),
            ratio_estimate([0.1, 0.4, 0.2], [0.1] * 3),
            ratio_estimate([0.3] * 3, [0.1] * 3),
            ratio_estimate([0.3] * 6, [0.1] * 6),
        )
    ]
    assert said == [
        "2.00x slower than serial in its only round",
        "not told apart from serial (0.36-11.19 times its time)",
        "at least 2.87x slower than serial",
        "3.00x slower than serial",
    ]


def test_inexact_results_may_be_recommended_and_are_reported():
    """Last digits rule nobody out; the grounds say how many results they were, and by how much."""
    noisy = {"inexact": 12, "largest_difference": 9e-16}
    verdict = decided({"threads": 0.5}, threads=noisy)
    assert verdict.use == "threads"
    assert any("threads gave 12 results that differ" in ground for ground in verdict.grounds)
    assert any("by at most 9e-16 of their value" in ground for ground in verdict.grounds)


def test_a_function_that_contradicts_itself_is_reported_in_the_grounds():
    """The verdict is given, and says by what the order is proved."""
    trials = noisy_trials({"threads": 0.5})
    run = trial_run(contradiction="The function gives different results for the same item.")
    verdict = decide(compare(run, trials), trials)
    assert verdict.use == "threads"
    (ground,) = (one for one in verdict.grounds if "different results" in one)
    assert "order could not be checked by value. Every index occurs once" in ground


@pytest.mark.parametrize("ratio", [0.49, 0.5, 0.51])
def test_auto_is_recommended_where_it_is_as_good_as_any(ratio):
    """Chance puts `auto` now before, now behind the strategy that it has chosen: no night goes back and forth."""
    verdicts = [decided({"multiprocess": 0.5, "auto": ratio}, seed=seed) for seed in range(10)]
    assert {verdict.use for verdict in verdicts} == {"auto"}
    for verdict in verdicts:
        assert verdict.trusted
        assert verdict.times_best <= 1.05


def test_what_is_clearly_faster_than_auto_is_recommended():
    """Whoever has measured that `auto` loses is told so, and by how much."""
    verdict = decided({"threads": 1.2, "multiprocess": 0.5, "auto": 0.65})
    assert (verdict.use, verdict.trusted) == ("multiprocess", True)
    (ground,) = (one for one in verdict.grounds if one.startswith("Choosing while it runs: auto"))
    assert re.search(r"; it took 1\.3\d times as long as multiprocess, the fastest of the", ground)


@pytest.mark.parametrize("ratio", [0.99, 1.0, 1.3])
def test_auto_does_not_change_that_nothing_pays(ratio):
    """Where all others are slower than serial, `auto` is not recommended for being as fast as serial."""
    verdict = decided({"threads": 1.3, "auto": ratio})
    assert (verdict.use, verdict.trusted, verdict.strategy) == ("stay serial", True, "threads")
    assert "auto" not in verdict.reason


@pytest.mark.parametrize("seed", range(5))
def test_auto_by_chance_before_serial_is_not_recommended(seed):
    """One per cent is no reason, and what cannot be told is told of a strategy that calls in one way."""
    verdict = decided({"threads": 1.0, "auto": 0.99}, seed=seed)
    assert (verdict.use, verdict.strategy) == ("stay serial", "threads")


@pytest.mark.parametrize(
    ("ratio", "use"), [(0.5, "auto"), (1.0, "stay serial"), (2.0, "stay serial")]
)
def test_auto_alone_is_judged_as_any_strategy(ratio, use):
    """Where trials were of `auto` only, the verdict is about it."""
    verdict = decided({"auto": ratio})
    assert (verdict.use, verdict.strategy) == (use, "auto")
    assert "others" not in " ".join([verdict.reason, *verdict.grounds])


def test_auto_with_wrong_results_is_not_recommended():
    """It is trusted no more than the others."""
    verdict = decided({"multiprocess": 0.6, "auto": 0.5}, auto={"wrong": 2})
    assert verdict.use == "multiprocess"
    assert any("auto got 2 results wrong: it is not" in ground for ground in verdict.grounds)


def test_what_auto_chose_is_a_ground():
    """A reader sees what it did, in its own words."""
    why = "2 ms an item: 2 processes were to take 3 s"
    verdict = decided({"multiprocess": 0.5, "auto": 0.5}, auto={"why": why})
    assert f"What auto chose in its median trial: {why}." in verdict.grounds
    assert not any("chose" in ground for ground in decided({"auto": 0.5}).grounds)


def test_a_promising_strategy_that_ran_once_withholds_the_verdict_for_auto_too():
    """Something that seems faster than `auto` but was hardly tried is not passed over."""
    trials = [
        one
        for one in noisy_trials({"auto": 0.5, "pool_map": 0.3})
        if one.strategy != "pool_map" or one.round < 2
    ]
    verdict = decide(compare(trial_run(), trials), trials)
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert "pool_map ran in one round only" in verdict.reason
