"""Calls on a Dask cluster of real processes, some of which are killed or stopped."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

pytest.importorskip("distributed")

from fanout_pipeline import Cluster, ClusterFailed, Options, fan_out, read_failures
from fanout_pipeline.engine.workers import twins
from fanout_pipeline_tests.engine.clusters import functions
from fanout_pipeline_tests.engine.clusters.dask_cluster import ROOT, dask_cluster
from fanout_pipeline_tests.processes import GONE_SECONDS, lives, wait_for

pytestmark = pytest.mark.slow
NUMBERS = list(range(2000))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """With two workers, of which tests end none."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """That of serial's squares."""
    folder = tmp_path_factory.mktemp("serial") / "squares"
    return fan_out(functions.square, NUMBERS, strategy="serial", folder=folder).record.digest


def on(cluster, **how):
    where = Cluster(cluster.address, wait_seconds=30)
    return Options(strategy="dask", cluster=where, **how)


def our_processes(parent=None):
    """The guards, and what they guard, below a process."""
    found = (psutil.Process(parent) if parent else psutil.Process()).children(recursive=True)
    return [one for one in found if lives(one) and "engine.workers.main" in " ".join(one.cmdline())]


def listening():
    return {one.laddr for one in psutil.Process().net_connections() if one.status == "LISTEN"}


def test_with_nothing_named_a_cluster_of_this_machine_is_started_and_ended(digest, tmp_path):
    """`strategy="dask"` gives serial's results, and leaves no process and no port behind."""
    before = listening()
    results = fan_out(functions.square, NUMBERS, strategy="dask", folder=tmp_path / "out")
    assert results.record.digest == digest
    assert list(fan_out(functions.square, NUMBERS, strategy="dask")) == [n * n for n in NUMBERS]
    wait_for(lambda: not our_processes(), GONE_SECONDS, "end of its processes")
    assert listening() <= before


@pytest.mark.parametrize("named", ["address", "environment", "client"])
def test_a_cluster_is_named_in_any_way(named, cluster, digest, tmp_path, monkeypatch):
    """An address, the environment and an open client name a cluster; a client stays open."""
    import distributed

    where = cluster.address
    if named == "environment":
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.address)
        where = None
    with distributed.Client(cluster.address, set_as_default=False) as client:
        if named == "client":
            where = client
        options = Options(strategy="dask", cluster=where)
        results = fan_out(functions.square, NUMBERS, options=options, folder=tmp_path / "out")
        assert results.record.digest == digest
        assert client.status == "running"
        keeps_nothing = wait_for(
            lambda: not any(client.has_what().values()), GONE_SECONDS, "end of what workers keep"
        )
        assert keeps_nothing


def test_failed_calls_mean_the_same(cluster, tmp_path):
    """Retries, quarantine, a dead process, a deadline and the order are as in multiprocess: only the guilty item fails."""
    how = {"on_error": "quarantine", "backoff_seconds": 0.01}
    retried, ended = {"retries": 1}, {"item_timeout_seconds": 0.6}
    for function, more in (
        (functions.fails_sometimes, retried),
        (functions.kills_its_process, {}),
        (functions.never_ends, ended),
    ):
        found = []
        for options in (
            Options(strategy="multiprocess", workers=2, **how | more),
            on(cluster, **how | more),
        ):
            folder = tmp_path / f"{function.__name__}-{options.strategy}"
            results = fan_out(function, NUMBERS[:300], options=options, folder=folder)
            failed = read_failures(folder)
            said = failed[["index", "where", "item", "error_type", "message"]]
            found.append((results.record.digest, said.to_dict("records"), results.record.retried))
        assert found[0] == found[1]
        assert found[0][1]


def test_setup_async_functions_limits_and_logs_mean_the_same(cluster, digest, tmp_path):
    """A process on the cluster makes one value, and closes it; async functions are awaited there."""
    (tmp_path / "noted").mkdir()
    setup = functions.Making(tmp_path / "noted")
    options = on(cluster, chunks=20)
    given = fan_out(
        functions.given, NUMBERS, setup=setup, options=options, folder=tmp_path / "given"
    )
    made = sorted(one.name for one in (tmp_path / "noted").iterdir())
    assert len(made) <= 4
    assert [one for one in made if one.startswith("made")] == [
        one.replace("closed", "made") for one in made if one.startswith("closed")
    ]
    later = fan_out(functions.squared_later, NUMBERS, options=options, folder=tmp_path / "later")
    assert given.record.digest == later.record.digest == digest
    limited = on(cluster, budget_calls=500)
    from fanout_pipeline import BudgetSpent

    with pytest.raises(BudgetSpent):
        fan_out(functions.square, NUMBERS, options=limited, folder=tmp_path / "limited")
    again = fan_out(functions.square, NUMBERS, options=on(cluster), folder=tmp_path / "limited")
    assert again.record.reused_items >= 400
    assert again.record.digest == digest


def test_what_cannot_work_is_refused_in_time(cluster, tmp_path):
    """A wrong address, a port of something else, missing resources and what cannot be sent: each names what to change."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        silent = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        for address in ("tcp://127.0.0.1:1", silent, "nowhere", f"tls{cluster.address[3:]}"):
            where = Cluster(address, wait_seconds=2)
            with pytest.raises(ClusterFailed, match="No Dask scheduler answers at"):
                fan_out(functions.square, NUMBERS, options=Options(strategy="dask", cluster=where))
    nobody = Cluster(cluster.address, resources={"GPU": 1}, wait_seconds=1)
    with pytest.raises(
        ClusterFailed, match=r"room for 0 processes on workers that offer \{'GPU': 1\}"
    ):
        fan_out(functions.square, NUMBERS, options=Options(strategy="dask", cluster=nobody))
    many = Cluster(cluster.address, workers_at_least=99, wait_seconds=1)
    with pytest.raises(ClusterFailed, match="workers_at_least=99"):
        fan_out(functions.square, NUMBERS, options=Options(strategy="dask", cluster=many))
    unsendable = (number for number in NUMBERS)
    with pytest.raises(TypeError, match="cannot be sent to worker processes"):
        fan_out(lambda number: next(unsendable), NUMBERS, options=on(cluster))
    with pytest.raises(TypeError, match="give an address"):
        fan_out(functions.square, NUMBERS, options=Options(strategy="dask", cluster=5))


def killed_in_a_chunk(cluster, tmp_path, kill):
    """Run with an item that waits, call `kill` with the waiting process, and let it go; the results."""
    from concurrent.futures import ThreadPoolExecutor

    (tmp_path / "waits").mkdir()
    function = functions.Waits(tmp_path / "waits")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            fan_out, function, NUMBERS, options=on(cluster, chunks=20), folder=tmp_path / "out"
        )
        try:
            began = wait_for(lambda: list((tmp_path / "waits").glob("began-*")), 60, "call")
            kill(psutil.Process(int(began[0].name.partition("-")[2])))
        finally:
            (tmp_path / "waits" / "go").touch()
        return running.result(120)


def worker_of(process):
    """The worker of the cluster that has started a process of ours."""
    return next(one for one in process.parents() if "dask_worker" in " ".join(one.cmdline()))


def test_a_worker_that_is_killed_costs_nothing_but_its_chunk(digest, tmp_path):
    """SIGKILL for a worker in the middle of a chunk: the same digest; nobody is left who calls; others join."""
    with dask_cluster(tmp_path) as cluster:
        killed = []

        def kill(process):
            cluster.worker()
            killed.extend([process, worker_of(process)])
            os.kill(killed[1].pid, signal.SIGKILL)
            wait_for(lambda: not lives(process), GONE_SECONDS, "end of what it had called")

        results = killed_in_a_chunk(cluster, tmp_path, kill)
    assert results.record.digest == digest
    assert [str(one) for one in (tmp_path / "out").iterdir() if "aside" in one.name] == []


def test_a_scheduler_that_is_killed_ends_the_run_which_is_resumed(digest, tmp_path):
    """The error says what was lost, and what was done counts in the next run, on another cluster."""
    with dask_cluster(tmp_path) as cluster:

        def kill(process):
            wait_for(lambda: finished(tmp_path) >= 2, 60, "finished chunks")
            cluster.scheduler.kill()
            wait_for(lambda: not lives(process), GONE_SECONDS, "end of what was called")

        with pytest.raises(ClusterFailed, match="was lost"):
            killed_in_a_chunk(cluster, tmp_path, kill)
    again = fan_out(
        functions.Waits(tmp_path / "waits"),
        NUMBERS,
        options=Options(strategy="dask", chunks=20),
        folder=tmp_path / "out",
    )
    assert again.record.reused_chunks >= 2
    assert again.record.digest == digest


def finished(folder):
    ledgers = folder.glob("_runs/out/*/_ledger.jsonl")
    return sum(len(one.read_text().splitlines()) - 1 for one in ledgers)


CALLER = """
import sys
from fanout_pipeline import Options, fan_out
from fanout_pipeline_tests.engine.clusters import functions

fan_out(functions.Waits(sys.argv[1] + "/waits"), list(range(2000)), folder=sys.argv[1] + "/out",
        options=Options(strategy="dask", cluster=sys.argv[2], chunks=20))
"""


def test_a_caller_that_is_killed_leaves_nothing_running(cluster, digest, tmp_path):
    """Its calls end although they are in the middle of an item, and the next run goes on from the ledger."""
    (tmp_path / "waits").mkdir()
    command = [sys.executable, "-c", CALLER, str(tmp_path), cluster.address]
    caller = subprocess.Popen(command, cwd=ROOT)
    try:
        began = wait_for(lambda: list((tmp_path / "waits").glob("began-*")), 60, "call")
        wait_for(lambda: finished(tmp_path) >= 2, 60, "finished chunks")
        process = psutil.Process(int(began[0].name.partition("-")[2]))
    finally:
        caller.kill()
        caller.wait()
    wait_for(lambda: not lives(process), GONE_SECONDS, "end of what was called")
    wait_for(
        lambda: not any(our_processes(one.pid) for one in cluster.processes[1:]),
        GONE_SECONDS,
        "end",
    )
    (tmp_path / "waits" / "go").touch()
    function = functions.Waits(tmp_path / "waits")
    again = fan_out(function, NUMBERS, options=on(cluster, chunks=20), folder=tmp_path / "out")
    assert again.record.reused_chunks >= 2
    assert again.record.digest == digest


def test_a_chunk_that_takes_too_long_is_begun_elsewhere_too(cluster, digest, tmp_path, monkeypatch):
    """A process that is stopped, as on a host that hangs, holds nobody up; what it writes later is not read."""
    monkeypatch.setattr(twins, "LATE_SECONDS", 0.5)
    stopped = []

    def stop(process):
        process.suspend()
        stopped.append(process)
        (tmp_path / "waits" / "go").touch()

    results = killed_in_a_chunk(cluster, tmp_path, stop)
    assert results.record.digest == digest
    wait_for(lambda: not lives(stopped[0]), GONE_SECONDS, "end of the slow one")
    assert len(list((tmp_path / "waits").glob("began-*"))) == 2


def test_workers_that_see_another_disk_are_refused(digest, tmp_path):
    """A folder that is not shared is an error before any call, which says what to do."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("takes a mount namespace, which only root may have")
    (tmp_path / "results").mkdir()
    with dask_cluster(tmp_path, workers=0) as cluster:
        cluster.hidden = tmp_path / "results"
        cluster.worker()
        with pytest.raises(ClusterFailed, match="must be in a folder that all hosts share"):
            fan_out(
                functions.square, NUMBERS, options=on(cluster), folder=tmp_path / "results" / "out"
            )
        (tmp_path / "results" / "numbers.txt").write_text("1\n2\n")
        from fanout_pipeline import IntegerLines

        with pytest.raises(ClusterFailed, match="cannot read the input"):
            fan_out(
                functions.square,
                IntegerLines(tmp_path / "results/numbers.txt"),
                options=on(cluster),
            )
