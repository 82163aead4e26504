"""The comparison with peers: verified results, whoever is absent, fails, hangs or loses the order."""

import json
import select
import signal
import subprocess
import sys
from dataclasses import asdict

import numpy
import psutil
import pytest

from benchmarks.peers.__main__ import main
from benchmarks.peers.contenders import CONTENDERS, REFERENCE, Contender
from benchmarks.peers.results import Results, compared, read_back
from benchmarks.peers.rounds import Plan, measure
from benchmarks.peers.summary import best, status
from benchmarks.peers.table import ratios
from benchmarks.peers.trial import Request
from benchmarks.peers.trial_process import ROOT
from benchmarks.peers.workloads import workloads
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.reporting.escape import markdown
from fanout_pipeline_tests.sources.reading import read

HERE = f"{__package__}.contenders"
LOOP = next(one for one in CONTENDERS if one.name == REFERENCE)


def plan(*contenders, **more):
    given = {"seconds": 60, "rounds": 1, "quick": True, "workloads": ("square",)}
    return Plan(contenders=(LOOP, *contenders), **(given | more))


@pytest.mark.slow
def test_a_quick_run_writes_table_record_and_picture(tmp_path, capsys, leaves_nothing):
    """One command measures, checks every result and leaves a table, a record and a picture."""
    names = [
        "ours: serial", "ours: multiprocess", "ours: vectorized", "Pool.map", "Pool.imap",
        "ProcessPoolExecutor",
    ]  # fmt: skip
    record, table = quick(tmp_path, names, "square")
    (one,) = record["workloads"]
    found = {contender["name"]: contender for contender in one["contenders"]}
    assert REFERENCE in found
    assert {"ours: vectorized", "Pool.map"} <= set(found) <= {REFERENCE, *names}
    assert all(contender["correct"] for contender in found.values())
    assert all(contender["warm_seconds"] > 0 for contender in found.values())
    assert not one["failures"]
    assert not one["no_time"]
    assert one["best"]["warm"]["ours"].startswith("ours: ")
    assert one["best"]["warm"]["peer"] in names
    assert all(f"| {name} " in table for name in names)
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    assert "square, round 1: Pool.map" in capsys.readouterr().out


@pytest.mark.slow
def test_waits_are_compared_with_what_waits_beside_each_other(tmp_path, leaves_nothing):
    """Threads and event loops are measured on work that waits, several workloads in one table."""
    names = ["ours: threads", "ThreadPoolExecutor", "asyncio.gather"]
    record, table = quick(tmp_path, names, "wait 5 ms", "payload")
    assert [one["name"] for one in record["workloads"]] == ["wait 5 ms", "payload"]
    waits = record["workloads"][0]["contenders"]
    assert {one["name"] for one in waits} == {REFERENCE, *names}
    for one in record["workloads"]:
        assert all(contender["correct"] for contender in one["contenders"])
    assert all(f"| {name} " in table for name in names)


def quick(folder, contenders, *workloads):
    """The record and the table of one quick round."""
    arguments = ["--quick", "--rounds", "1", "--results", str(folder)]
    for name in contenders:
        arguments += ["--contender", name]
    for workload in workloads:
        arguments += ["--workload", workload]
    assert main(arguments) == 0
    return json.loads((folder / "results.json").read_text()), (folder / "results.md").read_text()


@pytest.mark.slow
def test_wrong_contenders_are_told(leaves_nothing):
    """Who loses the order, gives a wrong result, fails, hangs or is not installed is named as that."""
    wrong = {
        name: Contender(name, f"{HERE}.{name}")
        for name in ("backwards", "off_by_one", "raises", "stuck")
    }
    absent = Contender("absent", f"{HERE}.absent", library="a_library_that_is_not_there")
    lines = []
    [one] = measure(plan(*wrong.values(), absent, seconds_a_trial=5.0), lines.append)
    rows = {name: one.comparison.row(name) for name in (*wrong, "absent")}
    told = {name: status(row, name, one) for name, row in rows.items()}
    assert told == {
        "backwards": "out of order",
        "off_by_one": "wrong",
        "raises": "failed",
        "stuck": "failed",
        "absent": "absent",
    }
    assert rows["backwards"].wrong == 0
    assert rows["off_by_one"].wrong == 1
    failures = one.comparison.run.failures
    assert "RuntimeError: the cluster did not come up" in failures["raises"]
    assert "took longer than 5 s" in failures["stuck"]
    assert best(one, "cold") is None
    table = ratios([one], "cold")
    assert all(f"| {markdown(name)} " in table for name in told)
    assert any("backwards" in line and "OUT OF ORDER" in line for line in lines)


def test_a_trial_ends_with_whoever_started_it(tmp_path, leaves_nothing):
    """A comparison that is killed leaves no cluster behind."""
    (tmp_path / "input.txt").write_text("1\n")
    request = Request(
        module=f"{HERE}.stuck",
        strategy="",
        workload="square",
        loops_per_second=1e6,
        input=str(tmp_path / "input.txt"),
        items=1,
        workers=1,
        scratch=str(tmp_path),
        warm_runs=0,
    )
    trial = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.trial", json.dumps(asdict(request))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    process = psutil.Process(trial.pid)
    while not process.children() and trial.poll() is None:
        select.select([], [], [], 0.05)
    assert process.children()
    trial.stdin.close()
    assert trial.wait(30) == -signal.SIGKILL


def test_every_strategy_is_a_contender():
    """A strategy that is added to the registry is compared with the peers without another line."""
    names = {one.name for one in CONTENDERS}
    assert {f"ours: {name}" for name in STRATEGIES} <= names


def test_every_workload_gives_integers_of_its_input(tmp_path):
    """What a workload writes, the plain loop and our source read as the same items."""
    for one in workloads(1e6).values():
        path = tmp_path / "input.txt"
        one.write(path, 7)
        with path.open(encoding="utf-8", newline="\n") as file:
            items = one.read(file)
        source = one.source(str(path))
        assert read(source) == items
        assert len(items) == 7
        assert all(type(one.function(item)) is int for item in items)


def of(index, result):
    return Results(numpy.array(index), numpy.array(result))


@pytest.mark.parametrize(
    ("index", "result", "faults"),
    [
        ([0, 1, 2, 3], [5, 6, 7, 8], (0, 0, 0, 0)),
        ([1, 0, 2, 3], [6, 5, 7, 8], (2, 0, 0, 0)),
        ([0, 1, 2, 3], [6, 5, 7, 8], (2, 0, 0, 0)),
        ([0, 1, 3], [5, 6, 8], (0, 1, 0, 0)),
        ([0, 1, 1, 2, 3], [5, 6, 6, 7, 8], (0, 0, 1, 0)),
        ([0, 1, 2, 3], [5, 6, 7, 9], (0, 0, 0, 1)),
        ([0, 1, 2, 4], [5, 6, 7, 8], (0, 1, 0, 1)),
    ],
)
def test_faults_are_counted(index, result, faults):
    """Rows out of order, missing, doubled and wrong are told apart."""
    check = compared(of(index, result), of([0, 1, 2, 3], [5, 6, 7, 8]), 4)
    assert (check.out_of_place, check.missing, check.duplicated, check.wrong) == faults


def test_a_contender_that_writes_nothing_has_failed(tmp_path):
    """No file is no result."""
    with pytest.raises(ValueError, match="no Parquet file"):
        read_back(tmp_path)


@pytest.mark.parametrize("option", ["--workload", "--contender"])
def test_an_unknown_name_is_refused(option, capsys):
    """Who mistypes a name is told which there are."""
    with pytest.raises(SystemExit):
        main([option, "nothing"])
    assert "there are: " in capsys.readouterr().err
