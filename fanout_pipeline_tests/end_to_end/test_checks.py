"""What a user's own function is told when its results are checked."""

import pyarrow.parquet
import pytest

LINES = [f"to be or not {n} that is the question {n} times {7 * n}" for n in range(24)]
STRATEGIES = ("serial", "multiprocess")
FAULTS = ("out_of_place", "missing", "duplicated", "wrong")


def written(guest, *names):
    """A project that fans each of these functions of `functions` out over a file of its own."""
    guest.write(
        mine=f"""
        import functions
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import TextLines

        defs = fanout_definitions(
            *(
                FanoutSpec(name, TextLines(f"{{name}}.txt"), getattr(functions, name))
                for name in {names!r}
            )
        )
        """
    )


@pytest.mark.timeout(600)
def test_linear_algebra_gives_the_same_to_the_last_bit_in_every_strategy(guest):
    """Sums differ with the number of BLAS threads: in a comparison all have as many as workers have."""
    guest.write(
        functions="""
        import numpy

        from fanout_pipeline.measuring.trials import time_limit

        # An interpreter a step takes longer than a minute while the machine does much else.
        time_limit.MIN_SECONDS_UNKNOWN = 240.0
        rng = numpy.random.default_rng(0)
        A, B = rng.random(300_000), rng.random(300_000)

        def dot(line):
            return float(numpy.dot(A, B * int(line)))
        """
    )
    written(guest, "dot")
    guest.lines(range(1, 13), "dot.txt")
    names = ["threads", "multiprocess", "dagster_spawn"]
    trials = {"rounds": 1, "warm_up_rounds": 0, "budget_seconds": 600, "strategies": names}
    config = {
        "ops": {"dot__trials": {"config": trials}},
        "resources": {"fanout": {"config": {"chunks": 1}}},
    }
    code, output = guest.materialize("dot/trials", config=config)
    assert code == 0, output
    (file,) = (guest.data / "dot" / "trials").glob("*.parquet")
    trials = pyarrow.parquet.read_table(file).to_pylist()
    digests = {row["strategy"]: row["digest"] for row in trials}
    assert set(digests) == {"serial", *names}, output
    assert len(set(digests.values())) == 1
    assert not any(row["inexact"] for row in trials)


def test_what_a_function_gives_is_named_as_what_it_is(guest):
    """Last digits are not called wrong, what depends on the order of a set is not called lost; and what is
    paid for is called once, but for the sample that is asked for."""
    guest.write(
        functions="""
        import os

        def sums(line):
            parts = [0.1 * int(line), 0.2, 0.3]
            return sum(parts if "OPENBLAS_NUM_THREADS" in os.environ else parts[::-1])

        def words(line):
            return " ".join(set(line.split()))

        def paid(line):
            with open(os.environ["FANOUT_DATA"] + "/calls", "a") as file:
                file.write(line + "\\n")
            return line
        """
    )
    written(guest, "sums", "words", "paid")
    guest.lines(range(1, 41), "sums.txt")
    guest.lines(LINES, "words.txt")
    guest.lines(range(200), "paid.txt")
    compared = [f"{name}/{strategy}" for name in ("sums", "words") for strategy in STRATEGIES]
    code, output = guest.materialize(*compared, "paid/multiprocess")
    assert code == 0, output
    # Its workers sum in another order than serial does.
    told = guest.metadata("sums/multiprocess")
    assert [told[name] for name in FAULTS] == [0] * 4
    assert 0 < told["inexact"] <= 40
    assert 0 < told["largest_relative_difference"] < 1e-14
    assert told["checked_against"] == "sums/serial"
    assert told["compared"] == 40
    told = guest.metadata("words/multiprocess")
    assert [told[name] for name in FAULTS] == [0] * 4
    assert told["in_order"] is True
    assert told["contradiction"]["one"] != told["contradiction"]["other"]
    assert told["contradiction"]["item"].strip("'") in LINES
    calls = (guest.data / "calls").read_text().split()
    assert sorted(map(int, calls)) == list(range(200))
    told = guest.metadata("paid/multiprocess")
    assert (told["missing"], told["duplicated"], told["compared"]) == (0, 0, 0)

    config = {"resources": {"fanout": {"config": {"verify": 0.05, "resume": False}}}}
    code, output = guest.materialize("paid/multiprocess", config=config)
    assert code == 0, output
    assert "calling the function again on 10 of 200 items" in output
    assert guest.metadata("paid/multiprocess")["compared"] == 10
    assert len((guest.data / "calls").read_text().split()) == 200 + 200 + 10
