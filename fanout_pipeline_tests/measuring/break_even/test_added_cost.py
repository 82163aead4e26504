"""A burden adds the work that was asked for, and nothing to the result."""

import pickle
import subprocess
import sys

import pytest

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.measuring.break_even.added_cost import (
    Calibration,
    Cost,
    CostlierFunction,
    calibrate,
)
from fanout_pipeline.squares import square

BURN, WAIT = Cost(1e-5), Cost(1e-3, waits=True)


@pytest.mark.parametrize("cost", [BURN, WAIT])
def test_the_result_is_the_functions_own(cost):
    """A burdened function gives what the function gives, also after a trip to another process."""
    burdened = CostlierFunction(square, cost, 10)
    assert burdened(7) == 49
    assert pickle.loads(pickle.dumps(burdened))(7) == 49


def test_an_error_of_the_function_is_its_own():
    """What the function raises comes through."""
    with pytest.raises(ValueError, match="invalid literal"):
        CostlierFunction(int, BURN, 10)("x")


def test_the_fingerprint_tells_functions_and_burdens_apart():
    """Results of another function, another cost or another calibration are not taken for these."""
    variants = [
        CostlierFunction(square, BURN, 10),
        CostlierFunction(square, BURN, 11),
        CostlierFunction(square, WAIT, 10),
        CostlierFunction(abs, BURN, 10),
    ]
    assert len({function_fingerprint(one) for one in variants}) == len(variants)
    assert function_fingerprint(CostlierFunction(square, BURN, 10)) == function_fingerprint(
        variants[0]
    )


def test_calibration_counts_the_loops_of_any_clock():
    """Ten times the burn is ten times the loops, less what the call itself takes."""
    calibration = Calibration(loops_per_second=1e8, call_seconds=2e-7)
    assert calibration.loops(Cost(1e-6)) == 80
    assert calibration.loops(Cost(1e-3)) == 99_980
    assert calibration.loops(Cost(1e-9)) == 1


def test_calibration_of_this_machine_is_of_use():
    """Calibration gives a rate at which a longer burn takes more loops."""
    found = calibrate()
    assert found.loops_per_second > 0
    assert found.loops(Cost(1e-3)) > found.loops(Cost(1e-4)) > 1


@pytest.mark.parametrize(
    ("text", "cost", "name"),
    [
        ("as it is", Cost(), "as it is"),
        ("burn 0.5 us", Cost(5e-7), "burn 500 ns"),
        ("burn 1 us", Cost(1e-6), "burn 1 µs"),
        ("burn 10 µs", Cost(1e-5), "burn 10 µs"),
        ("burn 2.5 ms", Cost(2.5e-3), "burn 2.5 ms"),
        ("wait 1 s", Cost(1.0, True), "wait 1 s"),
    ],
)
def test_costs_are_written_as_people_write_them(text, cost, name):
    """Run config and reports name costs alike."""
    parsed = Cost.parsed(text)
    assert (parsed.seconds, parsed.waits) == (pytest.approx(cost.seconds), cost.waits)
    assert parsed.name == name


@pytest.mark.parametrize("text", ["", "burn", "burn 1", "burn x us", "rest 1 ms", "wait -1 ms"])
def test_a_cost_that_is_none_is_refused_with_examples(text):
    """Whoever mistypes a cost reads how to write one."""
    with pytest.raises(ValueError, match="burn 10 us"):
        Cost.parsed(text)


def test_a_worker_that_burns_loads_nothing_more():
    """A burden costs worker processes no imports."""
    code = (
        "import sys, fanout_pipeline.measuring.break_even.added_cost; "
        "print(set(sys.modules) & {'dagster', 'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
