"""A burden adds the work that was asked for, and nothing to the result."""

import pickle
import subprocess
import sys

import pytest

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.measuring.burden import Burdened, Calibration, Cost, calibrate, seconds_text
from fanout_pipeline.squares import square

BURN, WAIT = Cost(1e-5), Cost(1e-3, waits=True)


@pytest.mark.parametrize("cost", [BURN, WAIT])
def test_the_result_is_the_functions_own(cost):
    """A burdened function gives what the function gives, also after a trip to another process."""
    burdened = Burdened(square, cost, 10)
    assert burdened(7) == 49
    assert pickle.loads(pickle.dumps(burdened))(7) == 49


def test_an_error_of_the_function_is_its_own():
    """What the function raises comes through."""
    with pytest.raises(ValueError, match="invalid literal"):
        Burdened(int, BURN, 10)("x")


def test_the_fingerprint_tells_functions_and_burdens_apart():
    """Results of another function, another cost or another calibration are not taken for these."""
    variants = [
        Burdened(square, BURN, 10),
        Burdened(square, BURN, 11),
        Burdened(square, WAIT, 10),
        Burdened(abs, BURN, 10),
    ]
    assert len({function_fingerprint(one) for one in variants}) == len(variants)
    assert function_fingerprint(Burdened(square, BURN, 10)) == function_fingerprint(variants[0])


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


def test_short_times_have_fitting_units():
    """Times are read without counting zeros."""
    shown = [seconds_text(s) for s in (0.0, 9.3e-7, 1e-6, 1.2345e-5, 9.999e-4, 0.5, 1000.0)]
    assert shown == ["0 µs", "0.93 µs", "1 µs", "12.3 µs", "1 ms", "500 ms", "1,000 s"]


def test_a_worker_that_burns_loads_nothing_more():
    """A burden costs worker processes no imports."""
    code = (
        "import sys, fanout_pipeline.measuring.burden; "
        "print(set(sys.modules) & {'dagster', 'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
