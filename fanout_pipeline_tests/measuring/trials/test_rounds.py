"""The plan of the trials, on a simulated clock."""

import random
from collections import Counter
from itertools import islice, pairwise

import pytest

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.measuring.trials.round_plan import balanced_orders
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.time_limit import TookTooLong
from fanout_pipeline.measuring.trials.trial import TrialOptions
from fanout_pipeline_tests.measuring.trials.simulated import Clock, Simulated, quiet


def tried(times, *, slow_start=(), record=lambda trial: None, log=lambda line: None, **options):
    clock = Clock()
    contenders = [
        Simulated(name, clock, seconds, warms_up=name not in slow_start)
        for name, seconds in times.items()
    ]
    found = run_trials(
        contenders[0],
        contenders[1:],
        TrialOptions(**options),
        clock=clock,
        read_load=quiet,
        record=record,
        log=log,
    )
    return found, clock


def rounds_of(found, strategy, control=False):
    return [
        t.round
        for t in found.trials
        if t.strategy == strategy and t.control is control and not t.warm_up
    ]


def test_each_round_has_every_strategy_once_and_the_reference_twice():
    """What is compared ran in the same round; the reference's second run shows what chance does."""
    found, _ = tried({"serial": 0.01, "threads": 0.01}, rounds=7)
    assert found.rounds == 7
    assert rounds_of(found, "serial") == rounds_of(found, "serial", True) == list(range(1, 8))
    assert rounds_of(found, "threads") == list(range(1, 8))
    assert found.remarks == ()


def test_the_order_is_balanced_and_the_run_decides():
    """No strategy always has the same place, or follows the same one; another run has another order."""

    def order(run_id):
        clock = Clock()
        ways = [Simulated(name, clock, 1e-3) for name in ("serial", "a", "b")]
        options = TrialOptions(rounds=20, seed=1)
        found = run_trials(ways[0], ways[1:], options, run_id=run_id, clock=clock, read_load=quiet)
        rounds = {}
        for trial in found.trials:
            if not trial.warm_up:
                assert trial.position == len(rounds.setdefault(trial.round, []))
                rounds[trial.round].append((trial.strategy, trial.control))
        return list(rounds.values())

    assert order("one") == order("one") != order("two")
    for number in range(0, 20, 4):
        square = order("one")[number : number + 4]
        assert len({(place, who) for one in square for place, who in enumerate(one)}) == 16
        assert len({pair for one in square for pair in pairwise(one)}) == 12


@pytest.mark.parametrize("count", range(2, 13))
def test_each_follows_each_other_equally_often(count):
    """What one leaves behind is shared by all, and so is each place in the round, for odd counts too."""
    square = list(islice(balanced_orders(count, "a run"), count * (1 + count % 2)))
    for what in (
        [(place, who) for one in square for place, who in enumerate(one)],
        [pair for one in square for pair in pairwise(one)],
    ):
        assert set(Counter(what).values()) == {1 + count % 2}


RACES = {
    "ten ways of 4 s": {"serial": 4.0} | {f"way{n}": 4 * t for n, t in enumerate(
        (1.2, 0.9, 0.5, 1.1, 2.0, 1.5, 0.7, 1.0, 1.3, 3.0))},
    "ten ways of 2 s": {"serial": 2.0} | {f"way{n}": 2 * t for n, t in enumerate(
        (1.2, 0.9, 0.5, 1.1, 2.0, 1.5, 0.7, 1.0, 1.3, 3.0))},
    "one of 16 s": {"serial": 16.0, "way2": 8.0},
    "three of 8 s": {"serial": 8.0, "way2": 4.0, "b": 9.0, "c": 16.0},
}  # fmt: skip


@pytest.mark.parametrize("times", RACES.values(), ids=RACES)
def test_a_slow_function_spends_the_budget_on_what_may_win(times):
    """Each way is tried, the best again and again, each time with serial; and no time for a pair is left."""
    found, clock = tried(times, budget_seconds=65)
    best = rounds_of(found, "way2")
    assert {trial.strategy for trial in found.trials} == set(times)
    assert len(best) >= 2
    assert set(best) <= set(rounds_of(found, "serial"))
    assert len(best) == max(len(rounds_of(found, name)) for name in times if name != "serial")
    assert 65 - clock.now < times["serial"] + times["way2"]
    assert clock.now <= 65


def test_sessions_have_their_share_of_rounds_and_time():
    """What differs from one process to the next is met again and again, and every way in each."""
    clock, begun = Clock(), []
    ways = [Simulated(name, clock, 0.1) for name in ("serial", "a", "b")]
    found = run_trials(
        ways[0],
        ways[1:],
        TrialOptions(rounds=100, budget_seconds=30, sessions=3),
        clock=clock,
        read_load=quiet,
        new_session=lambda: begun.append(clock.now),
    )
    counted = [trial for trial in found.trials if not trial.warm_up]
    assert begun == pytest.approx([10, 20], abs=0.5)
    assert {trial.session for trial in counted if trial.strategy == "b"} == {1, 2, 3}
    assert len({trial.round for trial in counted if trial.strategy == "a"}) == found.rounds > 60


def test_warm_up_rounds_are_marked_and_begin_with_the_reference():
    """First runs, slower than the rest, are kept apart; the others are checked against serial's."""
    found, _ = tried(
        {"serial": 0.01, "a": 0.01, "own": 0.01}, slow_start=("own",), warm_up_rounds=2
    )
    warm = [(t.round, t.strategy) for t in found.trials if t.warm_up]
    assert warm == [(-1, "serial"), (-1, "a"), (0, "serial"), (0, "a")]
    assert [t.warm_up for t in found.trials] == [True] * 4 + [False] * (len(found.trials) - 4)


def test_warming_up_runs_once():
    """A second run by the same workers warms nothing up: its time is left to the trials that count."""
    clock = Clock()
    serial, other = (Simulated(name, clock, 0.01) for name in ("serial", "a"))
    run_trials(serial, [other], TrialOptions(rounds=2), clock=clock, read_load=quiet)
    assert serial.again == [False, True, True, True, True]
    assert other.again == [False, True, True]


def test_a_slow_strategy_gets_fewer_rounds_and_it_is_said():
    """A strategy that is much slower than the rest does not take their rounds, and is named."""
    found, clock = tried({"serial": 0.05, "a": 0.05, "slow": 3.0}, rounds=30, budget_seconds=20)
    assert len(rounds_of(found, "a")) == found.rounds == 30
    slow = rounds_of(found, "slow")
    assert 2 <= len(slow) < 10
    assert slow[0] < 10 < 20 < slow[-1]  # spread over the rounds
    assert clock.now <= 20
    assert any(f"slow ran in {len(slow)} of 30 rounds" in remark for remark in found.remarks)


def test_the_time_goes_to_those_that_are_close():
    """20 trials, spread out, suffice for a clearly slower strategy; the others have all rounds."""
    found, _ = tried({"serial": 0.04, "near": 0.03, "slow": 0.4}, rounds=100, budget_seconds=60)
    assert len(rounds_of(found, "near")) == found.rounds == 100
    slow = rounds_of(found, "slow")
    assert len(slow) == 20
    assert slow[0] <= 10 < 90 <= slow[-1]


@pytest.mark.parametrize("budget", [5.0, 30.0, 100.0])
def test_no_trial_begins_that_would_end_after_the_budget(budget):
    """The time that is configured is kept, whatever the strategies take."""
    chance = random.Random(3)
    times = {name: lambda: chance.uniform(0.9, 1.1) for name in ("serial", "a", "b", "c")}
    found, clock = tried(times, rounds=1000, budget_seconds=budget)
    assert clock.now <= budget + 0.2
    assert clock.now > budget * 0.6
    if budget > 20:
        assert found.rounds >= 4
    assert f"of {budget:g} s ended after {found.rounds} of 1000 rounds" in found.remarks[0]


def test_a_function_that_takes_longer_than_the_budget_is_tried_once():
    """However long one run takes, the reference has one, and what was left out is said."""
    found, clock = tried({"serial": 100.0, "a": 50.0}, budget_seconds=10)
    assert [trial.strategy for trial in found.trials] == ["serial"]
    assert clock.now == 100
    assert found.rounds == 0
    assert "ended after 0 of 100 rounds" in found.remarks[0]


def test_others_run_only_in_rounds_that_have_the_reference():
    """No time is spent on a trial that has nothing to be related to."""
    found, _ = tried({"serial": 2.0, "a": 0.1, "b": 0.1}, rounds=30, budget_seconds=60)
    assert set(rounds_of(found, "a")) <= set(rounds_of(found, "serial"))
    assert 5 <= found.rounds < 30


def test_each_trial_is_recorded_when_it_is_done():
    """Whoever watches or is interrupted has every trial up to that moment."""
    recorded = []
    found, _ = tried({"serial": 0.01, "a": 0.01}, rounds=3, record=recorded.append)
    assert tuple(recorded) == found.trials


def test_a_wrong_result_is_recorded_as_wrong():
    """A fast wrong result is reported as wrong, not as fast."""
    clock = Clock()
    right, wrong = Simulated("serial", clock, 1.0), Simulated("a", clock, 0.1, wrong=3)
    found = run_trials(right, [wrong], TrialOptions(rounds=2), clock=clock, read_load=quiet)
    assert {(t.strategy, t.correct, t.wrong) for t in found.trials} == {
        ("serial", True, 0),
        ("a", False, 3),
    }


@pytest.mark.parametrize("own", [5.0, 20.0, 59.0])
def test_one_of_unknown_cost_does_not_starve_the_rest(own):
    """However slow a run of Dagster's turns out to be, the others have their rounds by then."""
    times = {"serial": 0.1, "a": 0.1, "queue": 2.0, "own": own}
    found, _ = tried(times, slow_start=("own",), rounds=30, budget_seconds=40)
    assert len(rounds_of(found, "a")) >= 5
    assert len(rounds_of(found, "own")) >= 1
    assert found.rounds >= 5


@pytest.mark.parametrize("slow", [2.0, 5.0, 12.0])
def test_a_quick_one_is_tried_though_the_slow_took_the_time_for_warming_up(slow):
    """On a slow machine, too, every quick way has its rounds: it may be the winner."""
    times = {"serial": 0.03, "threads": 0.05, "pool": slow / 4, "queue": slow, "indexed": slow}
    own = {"a": 3 * slow, "b": 5 * slow, "c": slow}
    found, _ = tried(times | {"quick": 0.02} | own, slow_start=own, rounds=30, budget_seconds=60)
    assert len(rounds_of(found, "quick")) >= 5


def test_each_slow_way_has_its_chance_and_the_quick_have_their_rounds():
    """Runs of Dagster that take half the budget are all tried, and leave a verdict its rounds."""
    quick = {"serial": 0.045, "threads": 0.05, "vectorized": 0.03}
    workers = {"multiprocess": 0.4, "pool_map": 0.3, "queue": 3.0, "indexed_queue": 3.1}
    ways = {"in_process": 6.0, "preloaded": 10.0, "spawn": 16.0}
    found, clock = tried(quick | workers | ways, slow_start=ways, budget_seconds=65)
    assert clock.now <= 65
    for name in (*workers, *ways):
        assert rounds_of(found, name), name
    assert min(len(rounds_of(found, name)) for name in quick) >= 40


def test_progress_is_logged():
    """Whoever watches trials of minutes sees a line every few seconds."""
    lines = []
    tried({"serial": 1.0, "a": 1.0}, rounds=10, budget_seconds=100, log=lines.append)
    assert lines[0].startswith("trials: round 2 of at most 10, ")
    assert len(lines) == 5


def failing():
    raise WorkerDied("Worker process 7 was killed by SIGKILL.\nAnd more.")


def test_a_strategy_that_fails_is_left_out():
    """One way to fan out that does not work here does not cost the verdict on the others."""
    found, _ = tried({"serial": 0.1, "a": 0.1, "broken": failing}, rounds=6)
    assert rounds_of(found, "a") == [1, 2, 3, 4, 5, 6]
    assert found.remarks == (
        "broken failed after 0 rounds: WorkerDied: Worker process 7 was killed by SIGKILL.",
    )


def test_a_reference_that_fails_fails_the_trials():
    """Without serial there is nothing to compare with: its error is not swallowed."""
    with pytest.raises(WorkerDied):
        tried({"serial": failing, "a": 0.1})


@pytest.mark.parametrize("seconds", [1.0, 3.0, 12.0, 19.0])
def test_warming_up_does_not_use_up_the_budget(seconds):
    """However slow the function, there are trials that count, unless one is longer than the budget."""
    times = dict.fromkeys(("serial", "a", "b", "c", "d", "e", "f"), seconds)
    found, _ = tried(times, budget_seconds=60)
    assert found.rounds >= 1


def test_a_contender_that_hangs_is_ended_named_and_left_out():
    """One that never ends costs a minute of its own: the others have their budget and rounds."""
    times = {"serial": 0.1, "a": 0.1, "hangs": 1e9, "b": 0.1}
    found, clock = tried(times, rounds=100, budget_seconds=20)
    assert found.failures == {
        "hangs": "TookTooLong: it was ended because it had not finished after 60 s"
    }
    assert any(remark.startswith("hangs failed after 0 rounds") for remark in found.remarks)
    assert len(rounds_of(found, "a")) == len(rounds_of(found, "b")) == found.rounds > 40
    assert clock.now <= 81


def test_one_that_begins_to_hang_is_measured_by_itself():
    """What had its trials is ended at twenty times their mean, or after ten seconds if they are quick."""
    quick, slow = iter([0.1] * 5 + [1e9] * 90), iter([2.0] * 5 + [1e9] * 90)
    times = {"serial": 0.1, "quick": lambda: next(quick), "slow": lambda: next(slow)}
    found, _ = tried(times, rounds=30, budget_seconds=60)
    assert len(rounds_of(found, "quick")) == 4
    assert "after 10 s" in found.failures["quick"]
    assert "after 40 s" in found.failures["slow"]


def test_the_slow_are_not_taken_for_hanging():
    """Slow by nature, or with a slow function: the limits are for what takes as long as nothing does."""
    clock = Clock()
    serial, other = Simulated("serial", clock, 100.0), Simulated("a", clock, 1900.0)
    found = run_trials(
        serial, [other], TrialOptions(rounds=3, budget_seconds=1e5), clock=clock, read_load=quiet
    )
    assert found.failures == {}
    assert serial.limits[0] is None  # Nothing is known yet, and without it there is nothing to say.
    assert other.limits[0] == 2000


def test_the_reference_that_hangs_ends_the_trials():
    """Without it there is nothing to compare with."""
    law = iter([0.1, 1e9])
    with pytest.raises(TookTooLong, match="after 10 s"):
        tried({"serial": lambda: next(law), "a": 0.1})


def test_a_single_round_has_everybody_in_it():
    """Who asks for one round gets a trial of each contender, those of unknown cost included."""
    times = {"serial": 0.04, "near": 0.03, "dagster": 3.0}
    found, _ = tried(times, slow_start=["dagster"], rounds=1, budget_seconds=60)
    assert {trial.strategy for trial in found.trials} == {"serial", "near", "dagster"}
