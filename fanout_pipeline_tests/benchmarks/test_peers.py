"""The comparison with peers: verified results, whoever is absent, fails, hangs or loses the order."""

import json
import pickle
import select
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import numpy
import psutil
import pytest

from benchmarks.peers.contenders import CONTENDERS, REFERENCE, Contender
from benchmarks.peers.results import Results, compared, keep, kept
from benchmarks.peers.rounds import Plan, measure
from benchmarks.peers.summary import best, status
from benchmarks.peers.table import ratios
from benchmarks.peers.trial import Request
from benchmarks.peers.trial_process import ROOT, PeerTrial
from benchmarks.workloads.catalogue import in_a_list, workloads
from fanout_pipeline.reporting.escape import markdown

HERE = f"{__package__}.contenders"
LOOP = next(one for one in CONTENDERS if one.name == REFERENCE)


def plan(*contenders, **more):
    given = {"seconds": 60, "rounds": 1, "quick": True, "workloads": ("dear",)}
    return Plan(contenders=(LOOP, *contenders), **(given | more))


@pytest.mark.slow
def test_a_quick_run_writes_table_record_and_picture(tmp_path, capsys, leaves_nothing):
    """One command measures, checks every result and leaves a table, a record and a picture."""
    names = ["fan_out", "Pool.map", "Pool.imap", "ProcessPoolExecutor"]
    record, table = quick(tmp_path, names, "dear")
    (one,) = record["workloads"]
    found = {contender["name"]: contender for contender in one["contenders"]}
    assert set(found) == {REFERENCE, *names}
    assert all(contender["correct"] for contender in found.values())
    assert all(contender["warm_seconds"] > 0 for contender in found.values())
    assert not one["failures"]
    assert not one["no_time"]
    assert one["best"]["warm"]["ours"] == "fan_out"
    assert one["best"]["warm"]["peer"] in names
    assert all(f"| {name} " in table for name in names)
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    assert "dear, round 1: Pool.map" in capsys.readouterr().out


@pytest.mark.slow
def test_waits_are_compared_with_what_waits_beside_each_other(tmp_path, leaves_nothing):
    """Threads and event loops are measured on work that waits, several workloads in one table."""
    names = ["fan_out", "ThreadPoolExecutor", "asyncio.gather"]
    record, table = quick(tmp_path, names, "async", "rows")
    assert [one["name"] for one in record["workloads"]] == ["async", "rows"]
    waits, rows = (one["contenders"] for one in record["workloads"])
    assert {one["name"] for one in waits} == {REFERENCE, *names}
    assert {one["name"] for one in rows} == {
        REFERENCE,
        "fan_out",
    }  # threads need what is thread-safe
    assert all(contender["correct"] for contender in (*waits, *rows))
    assert all(f"| {name} " in table for name in names)


def command(arguments):
    """`python -m benchmarks.peers`; what draws its picture takes a second to import, so not before."""
    from benchmarks.peers.__main__ import main

    return main(arguments)


def quick(folder, contenders, *workloads):
    """The record and the table of one quick round."""
    arguments = ["--quick", "--rounds", "1", "--results", str(folder)]
    for name in contenders:
        arguments += ["--contender", name]
    for workload in workloads:
        arguments += ["--workload", workload]
    assert command(arguments) == 0
    return json.loads((folder / "results.json").read_text()), (folder / "results.md").read_text()


@pytest.fixture
def stuck_for_five_seconds(monkeypatch):
    """It alone is ended so soon: on a busy machine the others may take longer."""
    taken = PeerTrial._taken

    def limited(trial, *arguments):
        if trial.name == "stuck":
            trial = replace(trial, shared=replace(trial.shared, seconds_at_most=5.0))
        return taken(trial, *arguments)

    monkeypatch.setattr(PeerTrial, "_taken", limited)


@pytest.mark.slow
def test_wrong_contenders_are_told(leaves_nothing, stuck_for_five_seconds):
    """Who loses the order, gives a wrong result, fails, hangs or is not installed is named as that."""
    wrong = {
        name: Contender(name, f"{HERE}.{name}")
        for name in ("backwards", "off_by_one", "raises", "stuck")
    }
    absent = Contender("absent", f"{HERE}.absent", library="a_library_that_is_not_there")
    lines = []
    [one] = measure(plan(*wrong.values(), absent), lines.append)
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
    request = Request(
        module=f"{HERE}.stuck",
        workload="dear",
        loops_per_second=1e6,
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
    assert trial.wait(120) == -signal.SIGKILL


def test_every_workload_makes_its_items_and_can_be_called():
    """The same count makes the same items; whatever is given to workers can be sent to them."""
    for one in workloads(1000.0).values():
        items = in_a_list(one.make(7))
        assert len(items) == 7
        assert items == in_a_list(one.make(7))
        assert pickle.loads(pickle.dumps(one.function))(items[0]) is not None
        pickle.dumps(one.call())


def test_results_are_told_apart_by_value_and_type(tmp_path):
    """What a trial keeps of a result differs wherever the result does."""
    results = [1, 1.0, "1", b"1", None, (1,), 2**62]
    keep(results, tmp_path / "results.npy")
    found = kept(tmp_path / "results.npy")
    assert found.index.tolist() == list(range(len(results)))
    assert len(set(found.result.tolist())) == len(results)
    assert found.result[0] == 1


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


@pytest.mark.parametrize("option", ["--workload", "--contender"])
def test_an_unknown_name_is_refused(option, capsys):
    """Who mistypes a name is told which there are."""
    with pytest.raises(SystemExit):
        command([option, "nothing"])
    assert "there are: " in capsys.readouterr().err
