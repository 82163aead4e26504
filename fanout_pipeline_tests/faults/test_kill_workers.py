"""Workers are killed at random moments, a million items under way: nothing lost, nothing left."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.faults.rounds import ITEMS, ROUNDS, chance
from fanout_pipeline_tests.processes import GONE_SECONDS, lives
from fanout_pipeline_tests.results.layout import generations

CHECKOUT = Path(__file__).parents[2]
STRATEGY, METHOD = "multiprocess", "spawn"


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


@pytest.fixture(scope="module")
def killed_workers(file, tmp_path_factory):
    """A folder with results, their digest, and how long an undisturbed run takes."""
    folder = tmp_path_factory.mktemp("whole") / "squares" / STRATEGY
    began = time.monotonic()
    digest, said = finished(started(STRATEGY, METHOD, file, folder))
    assert digest, said
    return folder, digest, time.monotonic() - began


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_workers_are_killed(number, file, killed_workers):
    """Whichever worker dies when: the run goes on without it, and gives the same digest."""
    rng = chance("workers", number)
    folder, expected, seconds = killed_workers
    process = started(STRATEGY, METHOD, file, folder)
    known = set()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        time.sleep(rng.uniform(0.1, seconds))
        known.update(family(process))
        alive = [worker for worker in sorted(known, key=lambda one: one.pid) if lives(worker)]
        if alive:
            rng.choice(alive).kill()
    digest, said = finished(process)
    psutil.wait_procs(known, timeout=GONE_SECONDS)
    left = list(filter(lives, known))
    assert not left
    assert digest == expected, said
    assert ResultFolder(folder).manifest().items == ITEMS
    assert generations(folder) == {folder.resolve()}
