import json

from fanout_pipeline.measuring.machine import machine_record
from fanout_pipeline.measuring.verdict import decide
from fanout_pipeline.reporting.plots import times_plot
from fanout_pipeline.reporting.report import report_markdown, report_record, write_report
from fanout_pipeline.reporting.tables import comparison_table
from fanout_pipeline_tests.measuring.records import compared, measured

COMPARISON = compared(
    measured("multiprocess", 2.0, start_seconds=1.5),
    measured("queue", 4.0, in_order=False, first_10_results=[4, 0, 1], overlapped_with=["threads"]),
)


def test_the_table_has_the_fastest_first_and_reads_well():
    """A person finds each strategy's time, ratio and faults in a line, the fastest on top."""
    lines = comparison_table(COMPARISON, "simple").splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["serial", "multiprocess", "queue"]
    assert lines[1].split()[1:4] == ["2.000", "2.00×", "500"]
    assert lines[2].split()[6] == "no"


def test_the_page_shows_the_first_results_side_by_side_and_names_overlaps():
    """The article's first ten results stand in columns, and a disturbed time is said to be one."""
    page = report_markdown(COMPARISON, decide(COMPARISON), machine_record(), "times.png")
    assert "multiprocess was 2.00 times slower than serial" in page
    assert "queue ran beside threads: its time is not comparable" in page
    assert "![wall time of each strategy](times.png)" in page
    first = next(line for line in page.splitlines() if line.replace(" ", "").startswith("|0|"))
    assert [cell.strip() for cell in first.strip("|").split("|")] == ["0", "0", "0", "4"]


def test_report_json_has_the_fields_that_others_rely_on():
    """Programs find each strategy under the names of the documentation."""
    record = report_record(COMPARISON, decide(COMPARISON), machine_record())
    assert set(record) >= {"items", "reference", "strategies", "verdict", "machine"}
    assert set(record["strategies"]["queue"]) >= {
        "wall_seconds", "wall_seconds_all", "ratio", "ratio_ci95", "speedup", "efficiency",
        "in_order", "missing", "duplicated", "wrong", "digest",
    }  # fmt: skip
    assert set(record["verdict"]) == {"use", "reason", "trusted"}


def test_files_are_written_whole(tmp_path):
    """The folder holds the page, the record and a PNG, and nothing else."""
    plot = times_plot(COMPARISON)
    write_report(tmp_path / "new", COMPARISON, decide(COMPARISON), machine_record(), plot)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"report.json", "report.md", "times.png"}
    assert json.loads((tmp_path / "new" / "report.json").read_text())["items"] == 1000
    assert (tmp_path / "new" / "times.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_comparison_can_be_drawn():
    """No items make a page and a picture all the same."""
    empty = compared(
        measured("threads", 0.1, items=0, first_10_results=[]), items=0, first_10_results=[]
    )
    assert times_plot(empty).startswith(b"\x89PNG")
    assert "cannot tell" in report_markdown(empty, decide(empty), machine_record(), "p")
