"""`break_even_job` as the guide says to run it: from the command line, killed, and run again."""

import contextlib
import json
import os
import signal

from pyarrow import ArrowException, parquet

from fanout_pipeline_tests.processes import GONE_SECONDS, wait_for

SETTING = {
    "budget_seconds": 8,
    "largest": 10_000,
    "per_decade": 1,
    "costs": ["burn 100 us", "wait 1 ms"],
    "strategies": ["threads", "multiprocess", "vectorized"],
}


def configured(**changes):
    return {
        "ops": {
            "numbers_file": {"config": {"count": 1000}},
            "squares__break_even": {"config": SETTING | changes},
        }
    }


def samples(project):
    with contextlib.suppress(OSError, ArrowException):
        return parquet.read_table(project.data / "squares/break_even/samples.parquet").to_pylist()
    return []


def test_a_killed_sweep_goes_on_where_it_stopped(project):
    """Timed runs made before a SIGKILL are not made again; then one command gives the page, the record,
    the plots and the metadata, and leaves nothing else."""
    arguments = project.job_arguments("break_even_job", configured(budget_seconds=60))
    process = project.start("dagster", *arguments)
    wait_for(lambda: len(samples(project)) >= 6 or process.poll() is not None, 120, "samples")
    assert process.poll() is None, project.output()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(GONE_SECONDS)
    wait_for(lambda: not project.processes(), GONE_SECONDS, "end of all processes")
    before = samples(project)
    assert len(before) >= 6
    assert list((project.data / "squares").glob("_break_even-*"))
    code, output = project.execute("break_even_job", configured())
    assert code == 0, output
    assert samples(project)[: len(before)] == before
    assert "Continuing with" in output
    folder = project.data / "squares" / "break_even"
    names = {path.name for path in folder.iterdir()} - {"_lock"}
    assert names == {
        "break_even.json", "break_even.md", "lines.png", "winners.png", "samples.parquet"
    }  # fmt: skip
    assert {path.name for path in project.data.iterdir()} == {"numbers.txt", "squares"}
    assert {path.name for path in folder.parent.iterdir()} == {"break_even"}
    record = json.loads((folder / "break_even.json").read_text())
    assert (record["name"], record["reference"], record["items"]) == ("squares", "serial", 1000)
    threads = next(
        row
        for row in record["by_items"]
        if (row["strategy"], row["cost"]) == ("threads", "wait 1 ms")
    )
    # Whether that is certain depends on what else the machine does.
    assert threads["answer"] in ("from", "cannot tell")
    certain = threads["answer"] == "from"
    assert not certain or threads["value"] < 1000
    page = (folder / "break_even.md").read_text()
    assert "**threads**" in page
    assert "(winners.png)" in page
    metadata = project.metadata("squares/break_even")
    assert metadata["earlier_timed_runs"] == len(before)
    assert metadata["timed_runs"] + len(before) == len(samples(project))
    assert not certain or isinstance(metadata["threads_from_wait_us"], float)
    assert "threads" in output
