"""Processes of a Dask cluster are killed or stopped at random moments: nothing lost, nothing doubled, nothing left."""

import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

pytest.importorskip("distributed")

from fanout_pipeline import Cluster, Options, fan_out, read_results
from fanout_pipeline_tests.engine.clusters import functions
from fanout_pipeline_tests.engine.clusters.dask_cluster import dask_cluster
from fanout_pipeline_tests.faults.rounds import FULL, ROUNDS, chance
from fanout_pipeline_tests.processes import GONE_SECONDS, lives, wait_for

NUMBERS = list(range(1000))


def victims(cluster):
    """By what they are: nannies, workers, guards of our processes, and these."""
    found = {}
    for process in cluster.processes[1:]:
        try:
            nanny = psutil.Process(process.pid)
            below = nanny.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        ours = [one for one in below if "engine.workers.main" in " ".join(one.cmdline())]
        found.setdefault("nanny", []).append(nanny)
        found.setdefault("ours", []).extend(ours)
        found.setdefault("worker", []).extend(
            one for one in below if one not in ours and "spawn_main" in " ".join(one.cmdline())
        )
    return {kind: those for kind, those in found.items() if those}


@pytest.mark.skipif(not FULL, reason="make test has test_dask.py, of one kill each")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_processes_of_a_cluster_are_killed(number, tmp_path):
    """Whichever dies when, the run gives the results of serial, each once."""
    rng = chance("cluster", number)
    with dask_cluster(tmp_path, nanny=True) as cluster:
        options = Options(
            strategy="dask", cluster=Cluster(cluster.address, workers_at_least=2, wait_seconds=60)
        )
        known = set()
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(
                fan_out, functions.squared_slowly, NUMBERS, options=options, folder=tmp_path / "out"
            )
            wait_for(lambda: victims(cluster).get("ours") or run.done(), 60, "process of ours")
            for _ in range(rng.choice((1, 1, 2, 3))):
                time.sleep(rng.uniform(0.2, 3.0))
                try:
                    those = victims(cluster)
                    kind = rng.choice(sorted(those))
                    known.update(those.get("ours", []))
                    one = rng.choice(sorted(those[kind], key=lambda one: one.pid))
                    one.kill()
                except (psutil.NoSuchProcess, IndexError):
                    continue
                if kind == "nanny":
                    cluster.worker(nanny=True)
            results = run.result(200)
        assert list(results) == [n * n for n in NUMBERS]
        assert list(read_results(tmp_path / "out")["index"]) == NUMBERS
        wait_for(lambda: not any(map(lives, known)), GONE_SECONDS, "end of what was called")
        assert [one.name for one in (tmp_path / "out").iterdir() if "aside" in one.name] == []
