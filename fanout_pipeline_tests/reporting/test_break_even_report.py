"""A break-even is reported in sentences, tables, pictures and a record, whatever was found."""

import json
import re
from dataclasses import replace
from random import Random

import pytest

from fanout_pipeline.measuring.break_even.answers import break_even
from fanout_pipeline.measuring.break_even.measure import Findings
from fanout_pipeline.measuring.statistics.scaling import fit_scaling
from fanout_pipeline.measuring.trials.machine import machine_record
from fanout_pipeline.reporting.break_even_plots import count_text, lines_plot, winners_plot
from fanout_pipeline.reporting.break_even_report import (
    break_even_markdown,
    break_even_record,
    crossings_records,
    sentences,
    write_break_even,
)
from fanout_pipeline_tests.measuring.break_even.simulated_machine import GRID, LAWS, Simulation

pytestmark = pytest.mark.slow


def found(budget):
    simulation = Simulation()
    sweep = simulation.sweep(budget)
    return Findings(
        name="squares",
        grid=GRID,
        model=simulation.model,
        skips=sweep.skips(),
        answers=break_even(GRID, simulation.model, 100_000, Random(0), resamples=60),
        scaling=fit_scaling({}, 2),
        workers=2,
        reused=0,
        taken=len(simulation.samples),
        seconds=simulation.now,
        machine=machine_record(),
    )


@pytest.fixture(scope="module")
def findings():
    return found(200)


def test_each_strategy_has_its_sentence(findings):
    """A person reads from which count and from which cost a strategy pays, or that it never does."""
    threads, multiprocess, queue, _ = sentences(findings)
    assert multiprocess.startswith("**multiprocess** beats serial from about 1,")
    assert "beyond what was run) with the function as it is; from 4." in multiprocess
    assert "more work an item (95 % " in multiprocess
    assert "at 100,000 items" in multiprocess
    assert queue.startswith("**queue** never beats serial with the function as it is; from")
    assert "of waiting" in threads


def test_the_table_has_a_column_for_each_cost(findings):
    """A crossing stands with its interval, a missing one with the reason."""
    rows = {row["strategy"]: row for row in crossings_records(findings)}
    assert list(rows) == list(LAWS)[1:]
    assert rows["queue"]["as it is"] == "never"
    assert rows["vectorized"]["burn 1 ms"] == "–"
    assert rows["threads"]["wait 1 ms"].startswith("10 (10–")
    assert "+ (" in rows["multiprocess"]["as it is"]


def test_the_page_has_pictures_and_says_how_it_was_made(findings):
    """The page stands alone: answers, both pictures, what was left out and why, the machine."""
    page = break_even_markdown(findings, "lines.png", "winners.png")
    assert "![time over items](lines.png)" in page
    assert "![which strategy wins](winners.png)" in page
    assert "not identifiable on 2 cores" in page
    assert "hopeless" in page
    assert "effective cores" in page


def test_the_record_is_plain_json_and_complete(findings):
    """Programs find every answer, cell and omission under the documented names."""
    record = json.loads(json.dumps(break_even_record(findings), allow_nan=False))
    assert set(record) >= {
        "name", "reference", "items", "workers", "by_items", "by_cost", "winners", "cells", "lines",
        "skipped", "scaling", "runs", "machine",
    }  # fmt: skip
    cells = {(row["strategy"], row["cost"], row["items"]) for row in record["cells"]}
    skipped = {(row["strategy"], row["cost"], row["items"]) for row in record["skipped"]}
    assert not cells & skipped
    parts = sum(len(GRID.taking_part(cell.cost)) for cell in GRID.cells)
    assert len(cells) + len(skipped) == parts
    assert set(record["by_items"][0]) == {
        "strategy", "cost", "answer", "value", "low", "high", "extrapolated",
    }  # fmt: skip


def test_files_are_written_whole(findings, tmp_path):
    """The folder holds the page, the record and two PNGs."""
    write_break_even(tmp_path / "new", findings, lines_plot(findings), winners_plot(findings))
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"break_even.json", "break_even.md", "lines.png", "winners.png"}
    for name in ("lines.png", "winners.png"):
        assert (tmp_path / "new" / name).read_bytes().startswith(b"\x89PNG")


def test_a_busy_machine_is_named(findings):
    """Burns that take longer than calibrated are said to have been disturbed; others are not."""
    assert "busy" not in break_even_markdown(findings, "l", "w")
    lines = dict(findings.answers.lines)
    lines["serial"] = {
        cost: line._replace(per_item=1.5 * line.per_item) for cost, line in lines["serial"].items()
    }
    busy = replace(findings, answers=replace(findings.answers, lines=lines))
    took = re.search(r"a burn of 1 ms took serial (1\.\d+) ms", break_even_markdown(busy, "l", "w"))
    assert float(took[1]) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("budget", [0.0, 0.6])
def test_a_budget_that_is_too_short_gives_a_page_as_well(budget):
    """With few runs or none there is a page, which claims nothing that was not seen."""
    few = found(budget)
    assert lines_plot(few).startswith(b"\x89PNG")
    assert winners_plot(few).startswith(b"\x89PNG")
    page = break_even_markdown(few, "l", "w")
    assert "These runs do not show whether" in page
    json.dumps(break_even_record(few), allow_nan=False)


def test_counts_are_short():
    """Axes and tables show large counts without rows of zeros."""
    assert [count_text(n) for n in (10, 320, 1000, 3200, 320_000, 1_000_000)] == [
        "10", "320", "1k", "3.2k", "320k", "1M",
    ]  # fmt: skip
