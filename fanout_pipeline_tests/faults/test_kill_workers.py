"""Workers are killed at random moments, a million items under way: nothing lost, nothing left."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract.checks import contents
from fanout_pipeline_tests.faults.rounds import ITEMS, ROUNDS, chance
from fanout_pipeline_tests.processes import lives

CHECKOUT = Path(__file__).parents[2]
STRATEGIES = (("multiprocess", "spawn"), ("queue", "forkserver"), ("indexed_queue", "spawn"))
"""multiprocessing.Pool, of `pool_map`, waits for ever for what a killed worker had."""
SURVIVES = frozenset({"multiprocess"})
"""Those whose run goes on without a killed worker; the others end with an error that says so."""
GONE_SECONDS = 5


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "numbers.txt"
    write_numbers(path, ITEMS)
    return path


def started(name, method, file, folder):
    command = [sys.executable, "-m", "fanout_pipeline_tests.faults.one_run", name, method]
    return subprocess.Popen(
        [*command, str(file), str(folder)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    """Its digest, or None and what it said."""
    printed, said = process.communicate(timeout=120)
    return (printed.strip() if process.returncode == 0 else None), said


def family(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_worker(process):
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    helper = "forkserver import main" in command and len(process.children()) > 0
    return not helper and "resource_tracker" not in command


@pytest.fixture(scope="module")
def killed_workers(file, tmp_path_factory):
    """For each strategy a folder with results, their digest, and how long an undisturbed run takes."""
    known = {}
    for name, method in STRATEGIES:
        folder = tmp_path_factory.mktemp("whole") / "squares" / name
        began = time.monotonic()
        digest, said = finished(started(name, method, file, folder))
        assert digest, said
        known[name] = folder, digest, time.monotonic() - began
    return known


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_workers_are_killed(number, file, killed_workers):
    """Whichever worker dies when: the run ends, whole or with its reason; the next gives the same digest."""
    rng = chance("workers", number)
    name, method = STRATEGIES[0] if number % 2 == 0 else rng.choice(STRATEGIES)
    folder, expected, seconds = killed_workers[name]
    before = contents(folder)
    process = started(name, method, file, folder)
    known = set()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        time.sleep(rng.uniform(0.1, seconds))
        known.update(family(process))
        workers = sorted(filter(is_worker, known), key=lambda worker: worker.pid)
        alive = [worker for worker in workers if lives(worker)]
        if alive:
            rng.choice(alive).kill()
    digest, said = finished(process)
    psutil.wait_procs(known, timeout=GONE_SECONDS)
    left = list(filter(lives, known))
    assert not left
    if digest is None:
        assert name not in SURVIVES, said
        assert said.startswith("WorkerDied: ") or "\nWorkerDied: " in said, said
        assert contents(folder) == before
        digest, said = finished(started(name, method, file, folder))
    if name != "queue":  # whose order is that of arrival
        assert digest == expected, said
    assert ResultFolder(folder).manifest().items == ITEMS
    generations = folder.with_name(f".{folder.name}")
    assert {p.name for p in generations.iterdir()} - {".lock"} == {folder.resolve().name}
