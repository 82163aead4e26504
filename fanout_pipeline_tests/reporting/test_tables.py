import pytest

from fanout_pipeline.reporting.tables import (
    breakdown_records,
    breakdown_table,
    comparison_records,
    comparison_table,
    first_results_table,
)
from fanout_pipeline_tests.measuring.comparison.made_up import (
    ALL,
    PHASES,
    compared,
    measured,
    realistic,
    recorded,
)


@pytest.fixture(scope="module")
def comparison():
    """Not made when tests are collected: that needs scipy, which takes a second to import."""
    return compared(
        measured("multiprocess", 2.0, start_seconds=1.5, warm_seconds=0.5),
        measured("queue", 4.0, out_of_place=3, rounds=2),
    )


def test_records_are_the_fastest_first_with_interval_and_claim(comparison):
    """A program finds in each record the ratio, its interval, what it shows, and the faults."""
    serial, multiprocess, queue = comparison_records(comparison)
    assert [serial["strategy"], multiprocess["strategy"], queue["strategy"]] == [
        "serial", "multiprocess", "queue",
    ]  # fmt: skip
    assert (serial["ratio"], serial["ratio_low"], serial["shown"], serial["trials"]) == (
        1.0, None, "", 14,
    )  # fmt: skip
    assert multiprocess["ratio_low"] <= multiprocess["ratio"] <= multiprocess["ratio_high"]
    assert multiprocess["ratio"] == pytest.approx(2, rel=0.05)
    assert multiprocess["warm_ratio"] == pytest.approx(0.5, rel=0.05)
    assert (multiprocess["shown"], multiprocess["trials"]) == ("slower", 7)
    assert queue["ratio_low"] < queue["ratio"] < queue["ratio_high"]
    assert (queue["shown"], queue["in_order"]) == ("slower", False)
    assert queue["warm_seconds"] is None


def test_the_table_reads_well(comparison):
    """A person finds each strategy in a line of its own, on the terminal, too."""
    lines = comparison_table(comparison, "simple").splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["serial", "multiprocess", "queue"]
    assert "slower" in lines[1]
    assert " no " in lines[2]


def test_what_is_unknown_is_said_to_be():
    """Without items there is no ratio, and the table says so instead of leaving a gap."""
    assert comparison_table(compared(items=0)).count("cannot tell") == 2


def test_a_strategys_phases_and_remainder_sum_to_its_wall_time():
    """Whoever adds up a line of the breakdown gets the wall time of that trial."""
    comparison, _ = realistic(*ALL)
    records = breakdown_records(comparison)
    assert [record["strategy"] for record in records][:1] == ["vectorized"]
    for record in records:
        wall = record.pop("wall")
        parts = [value for value in record.values() if isinstance(value, float)]
        assert sum(parts) == pytest.approx(wall)
        assert {name for name, value in record.items() if value is not None} == {
            *PHASES[record["strategy"]], "strategy", "unaccounted",
        }  # fmt: skip
        assert wall in comparison.row(record["strategy"]).wall_seconds_all


def test_the_breakdown_has_only_phases_that_occur():
    """A comparison without Dagster's ways has no columns for Dagster."""
    header = breakdown_table(realistic("multiprocess")[0], "simple").splitlines()[0].split()
    assert header == [
        "strategy", "wall", "start", "read", "call", "write", "wait", "commit", "stop", "unaccounted",
    ]  # fmt: skip


def test_time_that_no_phase_has_is_shown():
    """Without recorded phases the whole wall time is unaccounted for, not hidden."""
    assert breakdown_table(compared(serial=1.0), "simple").splitlines()[0].split() == [
        "strategy", "wall", "unaccounted",
    ]  # fmt: skip


def test_first_results_stand_side_by_side():
    """First results are in columns; a strategy with fewer leaves its cells empty."""
    comparison = compared(
        measured("queue", 2.0),
        recorded=[recorded("serial"), recorded("queue", first_10_results=[4, 0])],
    )
    lines = first_results_table(comparison).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["position", "serial", "queue"]
    assert cells[2:] == [["0", "0", "4"], ["1", "1", "0"], ["2", "4", ""]]
