"""Trials put side by side: ratios of the same rounds, and what each strategy gave."""

import pytest

from fanout_pipeline.measuring.comparison.asset_record import AssetRecord, NotComparable
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.paired import PairedTrials
from fanout_pipeline.measuring.statistics.inference import Claim
from fanout_pipeline_tests.measuring.trials.simulated import ITEMS, noisy_trials, trial, trial_run

ASSET = {
    "items": ITEMS,
    "in_order": True,
    "missing": 0,
    "duplicated": 0,
    "wrong": 0,
    "input_sha256": "i",
    "function_fingerprint": "g",
    "first_10_results": [0, 1, 4],
    "overlapped_with": [],
}


def test_ratios_are_of_the_same_rounds():
    """A clock that drifts by half during the trials does not change a ratio."""
    trials = []
    for number in range(1, 11):
        drift = 1 + number / 10
        trials += [
            trial("serial", number, drift),
            trial("serial", number, drift, control=True),
            trial("threads", number, drift / 4),
        ]
    compared = compare(trial_run(), trials)
    row = compared.row("threads")
    assert row.ratio == pytest.approx(0.25)
    assert (row.cold.low, row.cold.high) == pytest.approx((0.25, 0.25), rel=0.03)
    assert row.speedup == pytest.approx(4)
    assert row.efficiency == pytest.approx(2)
    assert row.claim is Claim.FASTER
    assert compared.noise == pytest.approx(0.02, abs=0.01)
    assert compared.rows[0].strategy == "serial"
    assert compared.rows[0].ratio == 1.0


def test_cold_and_warm_are_kept_apart():
    """The time with workers that are there already has a ratio of its own."""
    trials = noisy_trials({"multiprocess": 5.0}, multiprocess={"warm_seconds": 0.06})
    row = compare(trial_run(), trials).row("multiprocess")
    assert row.cold.ratio == pytest.approx(5, rel=0.05)
    assert row.warm.ratio == pytest.approx(0.55, rel=0.1)
    assert row.warm_seconds == 0.06


def test_dagsters_ways_have_no_warm_ratio():
    """Where workers cannot be kept, nothing is said of keeping them."""
    trials = noisy_trials({"dagster_spawn": 50.0}, dagster_spawn={"warm_seconds": None})
    row = compare(trial_run(), trials).row("dagster_spawn")
    assert row.warm is None
    assert row.warm_seconds is None


def test_warm_up_is_not_counted():
    """A slow first run changes no ratio, but a wrong result in it is not overlooked."""
    trials = [
        trial("serial", 0, 9.0),
        trial("threads", 0, 90.0, wrong=2),
        *noisy_trials({"threads": 1.0}, noise=0.0),
    ]
    row = compare(trial_run(), trials).row("threads")
    assert row.ratio == pytest.approx(1.0)
    assert row.wrong == 2
    assert not row.correct


def test_a_round_without_the_reference_is_left_out():
    """A trial that has nothing to be related to changes no ratio."""
    trials = [*noisy_trials({"threads": 2.0}, rounds=6, noise=0.0), trial("threads", 7, 99.0)]
    assert compare(trial_run(), trials).row("threads").cold.rounds == 6


def test_what_a_strategy_leaves_behind_is_not_counted_against_the_reference():
    """Of the reference's two runs that one counts which did not follow the strategy itself."""
    trials = []
    for number in range(1, 9):
        places = ("serial", "threads", "again") if number % 2 else ("threads", "serial", "again")
        for position, who in enumerate(places):
            before = places[position - 1] if position else ""
            name = "threads" if who == "threads" else "serial"
            seconds = 0.8 if name == "threads" else 1.2 if before == "threads" else 1.0
            again = who == "again"
            trials.append(trial(name, number, seconds, position=position, control=again))
    assert compare(trial_run(), trials).row("threads").ratio == pytest.approx(0.8)


def test_a_round_without_its_control_counts():
    """Where there was time for a pair and no more, it is not thrown away."""
    trials = [
        one for one in noisy_trials({"threads": 0.5}, rounds=4) if not one.control or one.round == 1
    ]
    compared = compare(trial_run(), trials)
    assert compared.row("threads").cold.rounds == compared.rounds == 4
    assert compared.row("threads").claim is Claim.FASTER


def test_any_fault_in_any_trial_counts():
    """A strategy that went wrong once in thirty trials is not called correct."""
    trials = noisy_trials({"queue": 3.0})
    trials.append(trial("queue", 31, 0.3, out_of_place=7))
    row = compare(trial_run(), trials).row("queue")
    assert not row.in_order
    assert not row.correct
    assert row.out_of_place == 7


def test_the_assets_own_results_count_too():
    """What a strategy's asset lost is not made good by trials in which nothing was lost."""
    asset = AssetRecord("threads", **ASSET | {"missing": 3})
    row = compare(trial_run(), noisy_trials({"threads": 1.0}), [asset]).row("threads")
    assert row.missing == 3


def test_without_items_there_is_no_ratio():
    """Nothing is divided by the time that nothing took."""
    trials = noisy_trials({"threads": 1.0}, serial={"items": 0}, threads={"items": 0})
    compared = compare(trial_run(), trials)
    assert compared.control is None
    assert [row.ratio for row in compared.rows] == [None, None]


@pytest.mark.parametrize("what", ["input_sha256", "function_fingerprint"])
def test_different_work_is_not_compared(what):
    """Results of other bytes or of another function are refused, and the asset is named."""
    asset = AssetRecord("threads", **ASSET | {what: "0" * 64})
    with pytest.raises(NotComparable, match="Re-materialize squares/threads, or squares/trials"):
        compare(trial_run(), noisy_trials({"threads": 1.0}), [asset])


def test_metadata_of_an_older_version_is_refused():
    """A run that recorded less than is needed is to be run again, and the message says so."""
    with pytest.raises(NotComparable, match=r"recorded no .*in_order.*: re-materialize it"):
        AssetRecord.from_metadata("serial", {"items": 1})


def test_two_strategies_are_related_by_their_common_rounds():
    """Two strategies are compared with each other directly, not by way of the reference."""
    trials = noisy_trials({"threads": 0.5, "vectorized": 0.25})
    paired = PairedTrials("serial", trials)
    assert paired.ratio("threads", "vectorized").ratio == pytest.approx(2.0, rel=0.05)
    assert paired.ratio("threads", "never run") is None


def test_a_function_that_is_not_of_the_item_alone_is_refused():
    """Where serial itself gives other results each time, nobody is called wrong."""
    trials = noisy_trials({"threads": 1.0}, rounds=3)
    trials.append(trial("serial", 4, 0.1, digest="other"))
    with pytest.raises(NotComparable, match="gave different results from one trial to the next"):
        compare(trial_run(), trials)


@pytest.mark.parametrize("why", ["contradiction", "inexact"])
def test_differences_that_are_explained_are_compared(why):
    """Where it is known that the function contradicts itself, or last digits differ, times still tell."""
    trials = noisy_trials({"threads": 0.5}, rounds=3)
    trials.append(trial("serial", 4, 0.1, digest="other", inexact=int(why == "inexact")))
    run = trial_run(contradiction="It does." if why == "contradiction" else "")
    assert compare(run, trials).row("threads").correct
