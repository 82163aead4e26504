"""Runs with a key are killed: the next one makes the calls that are left, and gives the results of a fresh run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import Parquet, Results, fan_out
from fanout_pipeline.results.store.keys import CALLED, read_keys
from fanout_pipeline.results.store.ledger import Ledger
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline_tests.engine.incremental.functions import CALLS
from fanout_pipeline_tests.faults.rounds import FULL, ROUNDS, chance
from fanout_pipeline_tests.processes import until
from fanout_pipeline_tests.results.layout import generations

ROOT = Path(__file__).parents[3]
CHUNK = 3
"""Items that are called one after the other before they are recorded."""
WORKERS = 2

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.usefixtures("leaves_nothing")]


class Project:
    """An input, its results, and a program that makes them."""

    def __init__(self, root):
        self.root = root
        self.results = root / "results" / "counted"
        self.rows = []
        (root / CALLS).touch()
        command = [sys.executable, "-m", "fanout_pipeline_tests.engine.incremental.runs_to_kill"]
        self._program = subprocess.Popen(
            [*command, root], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def write(self):
        table = pyarrow.Table.from_pylist(self.rows)
        parquet.write_table(table, self.root / "aside", row_group_size=1000)
        os.replace(self.root / "aside", self.root / "input.parquet")

    def begin(self, **how):
        """The number of the process that runs."""
        self._program.stdin.write(json.dumps(how) + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def end(self):
        """What the run has given; None if it was killed."""
        return json.loads(self._program.stdout.readline())

    def run(self, **how):
        self.begin(**how)
        return self.end()

    def close(self):
        self._program.stdin.close()
        self._program.wait()
        self._program.stdout.close()

    @property
    def calls(self):
        """Key and `a` of each call so far."""
        lines = (self.root / CALLS).read_text().splitlines()
        return [tuple(map(int, line.split())) for line in lines]

    @property
    def is_current(self):
        """Whether the results that are visible are those of the input."""
        try:
            found = self.shown()
        except FileNotFoundError:
            return False
        return found == [(row["id"], row["note"], 2 * row["a"]) for row in self.rows]

    def shown(self):
        if not self.results.is_symlink():
            raise FileNotFoundError
        with Results.of(self.results) as results:
            table = results.to_arrow()
        return list(
            zip(*(table[name].to_pylist() for name in ("id", "note", "result")), strict=True)
        )

    def needed(self):
        """What has to be called: key and `a` of what is not in the results."""
        known = {}
        with suppress(FileNotFoundError):
            known = {key: result for key, _, result in self.shown()}
        return {(row["id"], row["a"]) for row in self.rows if known.get(row["id"]) != 2 * row["a"]}

    def recorded(self):
        """The keys of what runs have recorded that died."""
        found = set()
        for path in generations(self.results) - {self.results.resolve()}:
            generation = LocalGeneration(path)
            called, ledger = read_keys(generation, CALLED), Ledger.read(generation)
            if called and ledger:
                keys = called[0].key.to_pylist()
                for one in ledger.finished:
                    first = one.part.first_index
                    found.update(keys[first : first + one.part.items])
            for name in generation.names():
                if name.startswith("_kept-known-"):
                    found.update(read_keys(generation, name)[0].key.to_pylist())
        return set(map(int, found))


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    yield project
    project.close()


def change(rows, rng, count):
    """Correct some rows, add some, remove one, and have one moved."""
    for _ in range(count):
        row = rng.choice(rows)
        row["a"] += len(rows)
    last = max(row["id"] for row in rows)
    for number in range(count // 4):
        rows.insert(rng.randrange(len(rows)), {"id": last + 1 + number, "a": number, "note": "new"})
    rows.pop(rng.randrange(len(rows)))
    rows.append(rows.pop(rng.randrange(len(rows))))
    rng.choice(rows)["note"] = "corrected"


def require_same_as_fresh(project, given):
    """What is visible is what a run gives that finds no folder, and nothing else is left."""
    source, fresh = (
        Parquet(str(project.root / "input.parquet"), columns=("id", "a")),
        project.root / "fresh",
    )
    how = {"strategy": "serial", "keep": ("id", "note"), "folder": fresh}
    with fan_out(lambda row: 2 * row["a"], source, **how) as results:
        assert results.record.digest == given["digest"]
        expected = results.to_arrow()
    with Results.of(project.results) as results:
        assert results.to_arrow().equals(expected)
    assert generations(project.results) == {project.results.resolve()}


def after_a_kill(project, called, needed):
    """What is left to call of what was needed, after a run that was killed has made some calls."""
    made = project.calls[called:]
    assert Counter(made) <= Counter(needed), "each is called once, and none that need not be"
    if project.is_current:
        return set(), set()
    done = project.recorded()
    lost = {one for one in made if one[0] not in done}
    return {one for one in needed if one[0] not in done}, lost


@pytest.mark.timeout(3600)
def test_killed_at_any_moment(project):
    """Kill -9 of all processes: what was recorded is not called again, what was in flight is, and no other."""
    project.rows = [{"id": n, "a": n, "note": "as it was"} for n in range(5_000)]
    project.write()
    assert project.run(strategy="serial")["called"] == len(project.rows)
    for number in range(ROUNDS if FULL else 5):
        rng = chance("runs with a key", number)
        change(project.rows, rng, 60)
        project.write()
        strategy = (
            "multiprocess" if number % 5 == 4 else rng.choice(("serial", "serial", "threads"))
        )
        how = {"strategy": strategy, "seconds": 0.001, "chunks": 75 // CHUNK}
        needed = project.needed()
        for _ in range(rng.choice((1, 1, 2, 3))):
            called = len(project.calls)
            pid = project.begin(**how)
            # Before, between and after the calls; what comes after them takes the longest here.
            calls, more = (
                rng.choice((0, rng.randrange(len(needed) + 1), len(needed))),
                rng.random() ** 2,
            )
            until(lambda called=called, calls=calls: len(project.calls) >= called + calls)
            time.sleep(0.2 * more)
            with suppress(ProcessLookupError):  # It was faster.
                os.killpg(pid, signal.SIGKILL)
            project.end()
            needed, in_flight = after_a_kill(project, called, needed)
            assert len(in_flight) <= (1 if strategy == "serial" else 2 * WORKERS) * CHUNK
        called = len(project.calls)
        given = project.run(**how)
        assert Counter(project.calls[called:]) == Counter(needed)
        assert given["called"] == len(needed)
        require_same_as_fresh(project, given)


@pytest.mark.timeout(3600)
def test_killed_before_any_change_of_a_file(project, tmp_path):
    """Wherever between two steps on the disk a run dies: the next calls what was not recorded, and is whole."""
    project.rows = [{"id": n, "a": n, "note": "as it was"} for n in range(12)]
    project.write()
    project.run(strategy="serial")
    before = tmp_path / "before"
    shutil.copytree(project.results.parent, before, symlinks=True)
    project.rows[3]["a"], project.rows[7]["a"], project.rows[9]["note"] = 100, 101, "corrected"
    project.rows.append(project.rows.pop(0))
    project.rows.append({"id": 12, "a": 12, "note": "new"})
    project.write()
    every = 1 if FULL else 12
    for number in range(every // 2, 1000, every):
        shutil.rmtree(project.results.parent)
        shutil.copytree(before, project.results.parent, symlinks=True)
        called, needed = len(project.calls), {(3, 100), (7, 101), (12, 12)}
        given = project.run(strategy="serial", chunks=3, die_at=number)
        if given is not None:
            assert number > 20
            return
        needed, lost = after_a_kill(project, called, needed)
        assert len(lost) <= 1, number
        # The next one may die, too.
        called, again = len(project.calls), chance("another change", number).randrange(60)
        given = project.run(strategy="serial", chunks=3, die_at=again)
        if given is None:
            needed, lost = after_a_kill(project, called, needed)
            assert len(lost) <= 1, (number, again)
            called = len(project.calls)
            given = project.run(strategy="serial", chunks=3)
        assert Counter(project.calls[called:]) == Counter(needed), (number, again)
        require_same_as_fresh(project, given)
