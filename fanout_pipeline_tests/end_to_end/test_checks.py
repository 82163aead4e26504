"""What a user's own function is told when its results are checked."""

import textwrap

import pyarrow.parquet
import pytest

MINE = """
from {module} import f
from fanout_pipeline.defs.lab.factory import fanout_definitions
from fanout_pipeline import FanoutSpec
from fanout_pipeline import TextLines

defs = fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), f))
"""
LINES = [f"to be or not {n} that is the question {n} times {7 * n}" for n in range(24)]


@pytest.fixture
def written(guest):
    """Writes the module of a function f, and its definitions."""

    def write(function):
        guest.write(functions=textwrap.dedent(function), mine=MINE.format(module="functions"))
        return guest

    return write


def trials(guest):
    """The rows of all trials."""
    (file,) = (guest.data / "lines" / "trials").glob("*.parquet")
    return pyarrow.parquet.read_table(file).to_pylist()


def test_linear_algebra_gives_the_same_to_the_last_bit_in_every_strategy(written):
    """Sums differ with the number of BLAS threads: in a comparison all have as many as workers have."""
    guest = written("""
        import numpy

        rng = numpy.random.default_rng(0)
        A, B = rng.random(300_000), rng.random(300_000)

        def f(line):
            return float(numpy.dot(A, B * int(line)))
        """)
    guest.lines(range(1, 13))
    names = ["threads", "multiprocess", "dagster_multiprocess"]
    config = {"rounds": 1, "warm_up_rounds": 0, "budget_seconds": 120, "strategies": names}
    code, output = guest.materialize(
        "lines/trials", config={"ops": {"lines__trials": {"config": config}}}
    )
    assert code == 0, output
    digests = {row["strategy"]: row["digest"] for row in trials(guest)}
    assert set(digests) == {"serial", *names}
    assert len(set(digests.values())) == 1
    assert not any(row["inexact"] for row in trials(guest))


def test_last_digits_are_not_called_wrong(written):
    """An asset whose workers sum in another order than serial is inexact, and passes its checks."""
    guest = written("""
        import os

        def f(line):
            parts = [0.1 * int(line), 0.2, 0.3]
            return sum(parts if "OPENBLAS_NUM_THREADS" in os.environ else parts[::-1])
        """)
    guest.lines(range(1, 41))
    code, output = guest.materialize("lines/serial", "lines/multiprocess")
    assert code == 0, output
    told = guest.metadata("lines/multiprocess")
    assert [told[name] for name in ("out_of_place", "missing", "duplicated", "wrong")] == [0] * 4
    assert 0 < told["inexact"] <= 40
    assert 0 < told["largest_relative_difference"] < 1e-14
    assert told["checked_against"] == "lines/serial"
    assert told["compared"] == 40


def test_a_function_that_contradicts_itself_is_not_told_as_lost_data(written):
    """What depends on the order of a set is named as that, with item and both results."""
    guest = written("""
        def f(line):
            return " ".join(set(line.split()))
        """)
    guest.lines(LINES)
    code, output = guest.materialize("lines/serial", "lines/multiprocess")
    assert code == 0, output
    told = guest.metadata("lines/multiprocess")
    names = ("out_of_place", "missing", "duplicated", "wrong")
    assert [told[name] for name in names] == [0] * 4
    assert told["in_order"] is True
    assert told["contradiction"]["one"] != told["contradiction"]["other"]
    assert told["contradiction"]["item"].strip("'") in LINES


def test_a_run_in_production_calls_each_item_once(written):
    """No serial run is made for the check: what is paid for is called once, and the checks pass."""
    guest = written("""
        import os

        def f(line):
            with open(os.environ["FANOUT_DATA"] + "/calls", "a") as file:
                file.write(line + "\\n")
            return line
        """)
    guest.lines(range(200))
    code, output = guest.materialize("lines/multiprocess")
    assert code == 0, output
    calls = (guest.data / "calls").read_text().split()
    assert sorted(map(int, calls)) == list(range(200))
    told = guest.metadata("lines/multiprocess")
    assert (told["missing"], told["duplicated"], told["compared"]) == (0, 0, 0)
    config = {"resources": {"fanout": {"config": {"verify": 0.05, "resume": False}}}}
    code, output = guest.materialize("lines/multiprocess", config=config)
    assert code == 0, output
    assert "calling the function again on 10 of 200 items" in output
    assert guest.metadata("lines/multiprocess")["compared"] == 10
    assert len((guest.data / "calls").read_text().split()) == 200 + 200 + 10
