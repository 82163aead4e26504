"""On simulated machines the sweep keeps to its budget, and finds the crossings that are true."""

from random import Random

import pytest

from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.measuring.break_even.added_cost import Cost
from fanout_pipeline.measuring.break_even.answers import (
    FROM,
    NEVER,
    CostQuestion,
    break_even,
)
from fanout_pipeline.measuring.break_even.grid import Cell, Grid, log_counts, ordered_costs
from fanout_pipeline.measuring.formatting import CANNOT_TELL
from fanout_pipeline.measuring.trials.time_limit import TookTooLong
from fanout_pipeline_tests.measuring.break_even.simulated_machine import (
    COSTS,
    GRID,
    Simulation,
    seconds,
)

ITEMS = 100_000
WAIT = Cost(1e-3, waits=True)


@pytest.fixture(scope="module")
def swept():
    simulation = Simulation()
    return simulation, simulation.sweep()


@pytest.fixture(scope="module")
def answers(swept):
    simulation, _ = swept
    return break_even(GRID, simulation.model, ITEMS, Random(0), resamples=200)


def true_items(strategy, cost):
    """By the laws, which are lines."""
    fixed = {s: seconds(s, Cell(cost, 0)) for s in ("serial", strategy)}
    slope = {s: seconds(s, Cell(cost, 10**9)) / 10**9 for s in ("serial", strategy)}
    return (fixed[strategy] - fixed["serial"]) / (slope["serial"] - slope[strategy])


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.name)
def test_the_crossing_with_serial_is_the_true_one(answers, cost):
    """For each cost, the true item count lies in the interval, and the answer is near it."""
    found = answers.by_items["multiprocess", cost]
    truth = true_items("multiprocess", cost)
    assert found.answer == FROM
    assert found.low <= truth <= found.high
    assert found.value == pytest.approx(truth, rel=0.4)
    assert found.extrapolated == (truth > GRID.counts[-1])


def test_what_never_pays_is_said_to_be_so(answers):
    """A strategy that costs more for each item than serial does is never the better one."""
    assert answers.by_items["queue", Cost()].answer == NEVER
    assert answers.by_items["queue", Cost(1e-6)].answer == NEVER


def test_a_batch_function_takes_part_only_as_it_is(swept, answers):
    """Work for each item cannot be vectorized, so no such time is made up."""
    simulation, _ = swept
    assert answers.by_items["vectorized", Cost()].answer == FROM
    assert {cell.cost for cell in simulation.model.cells("vectorized")} == {Cost()}
    assert {cost for strategy, cost in answers.by_items if strategy == "vectorized"} == {Cost()}


def test_waiting_is_what_threads_are_for(answers):
    """Threads win from the first few items on where the function waits, not where it computes."""
    assert answers.by_items["threads", WAIT].answer == FROM
    assert answers.by_items["threads", WAIT].high <= 100
    assert answers.by_items["threads", Cost(1e-3)].answer in (NEVER, CANNOT_TELL)
    assert answers.winners[Cell(WAIT, 1000)].strategies == ("threads",)


def test_the_cost_from_which_a_strategy_pays_is_the_true_one(answers):
    """At the user's item count, the true cost an item lies in the interval."""
    found = answers.by_cost[CostQuestion("multiprocess", False)]
    # 0.24 s = 100,000 × (0.18 µs + cost / 2)
    truth = 2 * (0.24 / ITEMS - 0.18e-6)
    assert found.answer == FROM
    assert found.low <= truth <= found.high
    assert found.value == pytest.approx(truth, rel=0.3)


def test_a_bent_law_is_allowed_for(answers):
    """Where moving an item takes longer than a short burn, the true cost is in the interval, too."""
    found = answers.by_cost[CostQuestion("queue", False)]
    # 0.01 s + 100,000 × (0.4 µs + cost) = 0.7 s + 100,000 × 20 µs, as cost / 2 is less than that
    truth = 0.69 / ITEMS + 20e-6 - 0.4e-6
    assert found.answer == FROM
    assert found.low <= truth <= found.high


def test_winners_are_the_truly_quickest(answers):
    """Wherever the map names one winner, no other strategy is quicker by more than chance."""
    assert set(answers.winners) == set(GRID.cells)
    for cell, winner in answers.winners.items():
        times = {s: seconds(s, cell) for s in GRID.taking_part(cell.cost)}
        if len(winner.strategies) == 1:
            assert times[winner.strategies[0]] <= 1.1 * min(times.values()), cell
    assert answers.winners[Cell(Cost(1e-5), 320_000)].strategies == ("multiprocess",)
    assert not answers.winners[Cell(Cost(1e-3), 1_000_000)].measured


def test_the_budget_is_kept(swept):
    """A sweep ends in its time, for a run is begun only if it is expected to end in it."""
    simulation, _ = swept
    assert simulation.now <= 1.05 * 200


def test_nothing_hopeless_and_nothing_endless_is_run(swept):
    """A thousand seconds are predicted, not waited for; what cannot win is not tried twice."""
    simulation, sweep = swept
    assert not simulation.model.seconds("serial", Cell(Cost(1e-3), 1_000_000))
    assert all(sample.seconds < 25 for sample in simulation.samples)
    assert len(simulation.model.seconds("queue", Cell(Cost(), 100_000))) == 1
    assert not simulation.model.seconds("queue", Cell(Cost(), 1_000_000))
    reasons = {(skip.strategy, skip.cell): skip.reason for skip in sweep.skips()}
    assert reasons["serial", Cell(Cost(1e-3), 1_000_000)].startswith("too long: about ")
    assert "times slower than serial at best" in reasons["queue", Cell(Cost(), 1000)]
    run = {(sample.strategy, sample.cell) for sample in simulation.samples}
    everything = {(s, cell) for cell in GRID.cells for s in GRID.taking_part(cell.cost)}
    assert run | set(reasons) == everything
    assert not run & set(reasons)


def test_short_cells_are_repeated_and_serial_runs_beside_each(swept):
    """A cell's times come from the same minutes, and a short one is looked at three times."""
    simulation, _ = swept
    for cell in (Cell(Cost(), 10), Cell(Cost(), 1000), Cell(WAIT, 100)):
        assert len(simulation.model.seconds("serial", cell)) >= 3
        assert len(simulation.model.seconds("threads", cell)) >= 3
    for sample in simulation.samples:
        ours = len(simulation.model.seconds(sample.strategy, sample.cell))
        # The last block may have been cut off by the end of the budget.
        assert len(simulation.model.seconds("serial", sample.cell)) >= ours - 1


def test_a_sweep_goes_on_where_it_stopped():
    """Two halves of a budget measure what the whole does: nothing is measured twice for nothing."""
    first = Simulation()
    first.sweep(60)
    second = Simulation(seed=1, samples=first.samples)
    second.sweep(600)
    third = Simulation(seed=2, samples=second.samples)
    third.sweep(10_000)
    counts = [len(third.model.seconds("serial", cell)) for cell in GRID.cells]
    # Serial runs beside whatever is missing, so it may have more than the others.
    assert max(counts) <= 3 * len(GRID.strategies)
    for strategy in GRID.strategies[1:]:
        assert all(len(found) <= 3 for found in third.model.cells(strategy).values())


@pytest.mark.slow
def test_a_noisy_machine_makes_wide_intervals_and_no_wrong_claims():
    """Where runs differ by a third, the truth is still in the interval, or nothing is claimed."""
    held = 0
    for seed in range(4):
        simulation = Simulation(noise=0.3, seed=seed)
        simulation.sweep(100, seed)
        found = break_even(GRID, simulation.model, ITEMS, Random(seed), resamples=100).by_items
        for cost in COSTS:
            crossing, truth = found["multiprocess", cost], true_items("multiprocess", cost)
            if crossing.answer == FROM:
                held += crossing.low <= truth <= (crossing.high or truth)
            else:
                held += crossing.answer == CANNOT_TELL or truth > GRID.counts[-1]
    assert held >= 0.9 * 4 * len(COSTS)


def test_a_heavy_function_is_never_run_on_a_million_items():
    """A function that takes a millisecond by itself is noticed before it is run for too long."""

    class Heavy(Simulation):
        def measure(self, strategy, cell):
            taken = seconds(strategy, cell) + cell.items * 1e-3
            self.now += taken
            return taken

    grid = Grid(
        log_counts(10, 10**6, 1), ordered_costs([Cost(1e-6)]), ("serial", "queue"), frozenset(), 3
    )
    heavy = Heavy(grid)
    heavy.sweep(100)
    assert heavy.now <= 115
    assert max(sample.seconds for sample in heavy.samples) <= 15


def test_counts_are_on_a_log_scale():
    """Whole decades are among the counts, and the largest is the one that was asked for."""
    assert log_counts(10, 1000, 1) == (10, 100, 1000)
    assert log_counts(10, 10_000, 2) == (10, 32, 100, 320, 1000, 3200, 10_000)
    assert log_counts(10, 5000, 1) == (10, 100, 1000, 5000)
    assert log_counts(10, 5, 1) == (10,)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            WorkerDied("Worker process 7 was killed.\nAnd more."),
            "failed: WorkerDied: Worker process 7 was killed.",
        ),
        (
            TookTooLong(60),
            "failed: TookTooLong: it was ended because it had not finished after 60 s",
        ),
    ],
)
def test_a_strategy_that_cannot_do_it_is_left_out(error, reason):
    """One way to fan out that fails, or hangs, does not cost the answers about the others."""
    simulation = Simulation()
    measure = simulation.measure

    def failing(strategy, cell):
        if strategy == "queue":
            raise error
        return measure(strategy, cell)

    simulation.measure = failing
    sweep = simulation.sweep(budget=20)
    assert {skip.reason for skip in sweep.skips() if skip.strategy == "queue"} == {reason}
    assert simulation.model.cells("multiprocess")
    assert not simulation.model.cells("queue")
    assert break_even(GRID, simulation.model, ITEMS, Random(0), resamples=50).winners
