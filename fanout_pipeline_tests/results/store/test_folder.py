"""A result folder shows the previous results or the new ones, whole, whoever dies or races."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_pipeline import read_results, write_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest, NoResults
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.results.layout import runs_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "squares" / "threads")


def values(folder):
    return read_results(folder.path)["result"].tolist()


def generations(folder):
    """All that the folder of generations holds besides its lock."""
    return {path for path in runs_of(folder.path).iterdir() if path.name != "_lock"}


def test_previous_results_stay_visible_until_the_commit(folder):
    """Whoever reads while a run is under way gets the results of the run before."""
    write_results(folder.path, [1, 2])
    with folder.writing() as generation:
        part = write_part(generation, 0, 0, [3, 4, 5])
        assert values(folder) == [1, 2]
        folder.commit(generation, Manifest("threads", (part,)))
        assert values(folder) == [3, 4, 5]
    assert values(folder) == [3, 4, 5]


def test_only_the_visible_results_take_room(folder):
    """However often an asset is materialized, only its latest results are on the disk."""
    for number in range(3):
        write_results(folder.path, [number])
    assert generations(folder) == {folder.path.resolve()}


def test_names_are_on_the_disk_in_an_order_that_a_power_cut_cannot_break(folder, monkeypatch):
    """The generation is on the disk before the link to it, and the link before the previous one goes."""
    write_results(folder.path, [1])
    previous = folder.path.resolve()
    seen = []

    def noted(path):
        state = "new" if folder.path.resolve() != previous else "previous"
        name = "_manifest.json" if "_manifest.json" in path.name else path.name
        seen.append((name, state, previous.exists()))

    for module in ("store.folder", "files.atomic"):
        monkeypatch.setattr(f"fanout_pipeline.results.{module}.sync", noted)
    with folder.writing() as generation:
        part = write_part(generation, 0, 0, [2])
        folder.commit(generation, Manifest("threads", (part,)))
    assert seen == [
        ("part-00000.parquet", "previous", True),
        ("_manifest.json", "previous", True),
        (generation.name, "previous", True),
        ("threads", "previous", True),
        ("squares", "new", True),
    ]
    assert not previous.exists()


def test_there_is_nothing_before_the_first_commit(folder):
    """A first run that is under way shows no results rather than half of them."""
    with folder.writing() as generation:
        write_part(generation, 0, 0, [1])
        with pytest.raises(NoResults, match="holds no complete results"):
            folder.manifest()


@pytest.mark.parametrize("before", [None, [1, 2]])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, None])
def test_a_run_that_does_not_commit_leaves_nothing(folder, before, error):
    """A run that fails or is interrupted leaves the earlier results, and nothing of its own."""
    if before:
        write_results(folder.path, before)
    there = generations(folder) if before else set()

    def run():
        with folder.writing() as generation:
            write_part(generation, 0, 0, [3])
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    assert generations(folder) == there
    if before:
        assert values(folder) == before
    else:
        assert not folder.path.exists()


def test_an_error_after_the_commit_keeps_the_results(folder):
    """What was committed stays committed, though the run fails afterwards."""

    def run():
        with folder.writing() as generation:
            part = write_part(generation, 0, 0, [3])
            folder.commit(generation, Manifest("threads", (part,)))
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        run()
    assert values(folder) == [3]


def test_a_folder_of_somebody_else_is_not_replaced(folder):
    """A real folder with the user's own files in the place of the results is refused and kept."""
    folder.path.mkdir(parents=True)
    (folder.path / "notes.txt").write_text("mine")
    with pytest.raises(NoResults, match=f"{folder.path} is not a result folder of fanout_pipeline"):
        write_results(folder.path, [1])
    assert (folder.path / "notes.txt").read_text() == "mine"
    assert generations(folder) == set()


def test_results_can_be_moved(folder, tmp_path):
    """A data root that is moved to another place keeps its results."""
    write_results(folder.path, [1, 2])
    folder.path.parent.rename(tmp_path / "elsewhere")
    assert values(ResultFolder(tmp_path / "elsewhere" / "threads")) == [1, 2]


def test_only_generations_of_dead_writers_are_removed(folder):
    """Parts of runs spread over several processes go once their run is dead; others' and visible ones stay."""
    write_results(folder.path, [1])
    for name in ("dead", "alive"):
        (folder.open_shared(name, lambda generation: False).path / "part-00000.parquet").touch()
    asked = []

    def is_dead(generation):
        asked.append(generation.name)
        return generation.name != "alive"

    with folder.writing() as locked:
        folder.open_shared("new", is_dead)
        names = {path.name for path in generations(folder)}
        assert names == {"alive", "new", locked.name, folder.path.resolve().name}
        folder.open_shared("new", is_dead)
    assert sorted(asked) == ["alive", "dead"]
    assert values(folder) == [1]


def test_a_shared_generation_is_nobody_elses_whoever_began_it(folder):
    """A run beside it does not take it for a dead one's, though the process that began it has died."""
    generation = folder.open_shared("shared", lambda generation: False)
    (generation.path / "_lock").touch()
    marked = []
    assert (
        folder.open_shared("shared", lambda generation: False, mark_owner=marked.append)
        == generation
    )
    assert marked == [generation]
    with folder.writing() as own:
        assert {path.name for path in generations(folder)} == {"shared", own.name}


WRITER = """
import sys
from pathlib import Path
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.write import write_part
folder = ResultFolder(Path(sys.argv[1]))
with folder.writing() as generation:
    part = write_part(generation, 0, 0, [7, 7, 7])
    print(generation, flush=True)
    sys.stdin.readline()
    folder.commit(generation, Manifest("other", (part,)))
"""


@pytest.fixture
def writer(folder):
    """Another process that has written its part and commits it once it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, folder.path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_the_next_run_removes_what_a_killed_one_left(folder, writer):
    """A killed run leaves the earlier results visible, and its leftovers go with the next run."""
    write_results(folder.path, [1])
    left = Path(writer.stdout.readline().strip())
    writer.kill()
    writer.wait()
    assert (left / "part-00000.parquet").exists()
    assert values(folder) == [1]
    write_results(folder.path, [2])
    assert not left.exists()
    assert values(folder) == [2]
    assert generations(folder) == {folder.path.resolve()}


def test_a_live_run_is_left_alone(folder, writer):
    """A run beside another does not take the other's parts away: both commit, the later one is seen."""
    theirs = Path(writer.stdout.readline().strip())
    write_results(folder.path, [1])
    write_results(folder.path, [2])
    assert values(folder) == [2]
    assert (theirs / "part-00000.parquet").exists()
    writer.communicate("go\n")
    assert writer.returncode == 0
    assert values(folder) == [7, 7, 7]
    assert folder.manifest().strategy == "other"
    assert generations(folder) == {folder.path.resolve()}


def test_a_commit_that_another_one_follows_at_once(folder, monkeypatch):
    """A run whose results are replaced as soon as they are visible has succeeded all the same."""
    names = LocalGeneration.names

    def names_too_late(generation):
        if folder.path.exists():
            monkeypatch.undo()
            write_results(folder.path, [2])
        return names(generation)

    monkeypatch.setattr(LocalGeneration, "names", names_too_late)
    assert write_results(folder.path, [1]).items == 1
    assert values(folder) == [2]
    assert generations(folder) == {folder.path.resolve()}


@pytest.mark.parametrize("files", range(7))
def test_who_dies_while_it_removes_earlier_results(folder, files, monkeypatch):
    """However many of the earlier results' files are gone by then, the next run removes the rest."""
    write_results(folder.path, range(6), part_items=1)
    left = {path.name for path in folder.path.iterdir()}
    removed = []
    unlink = os.unlink

    def remove_some_and_die(name, **options):
        nonlocal removed
        if name in left and len(removed) == files:
            raise SystemExit
        removed += [name] * (name in left)
        unlink(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", remove_some_and_die)
        with contextlib.suppress(SystemExit):
            write_results(folder.path, [1])
    assert len(removed) == files
    assert values(folder) == [1]
    write_results(folder.path, [2])
    assert values(folder) == [2]
    assert generations(folder) == {folder.path.resolve()}


RACER = """
import sys
from pathlib import Path
from fanout_pipeline import write_results
folder, number = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(15):
    write_results(folder, [number] * (100 + number), strategy=str(number), part_items=30)
"""


def test_racing_runs_leave_the_results_of_one_of_them(folder):
    """Four processes that write the same results at once leave one's, whole, and readers never see a mix."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, folder.path, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    write_results(folder.path, [0] * 100)
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    seen = []
    refused = []
    while any(racer.poll() is None for racer in racers):
        try:
            seen.append(values(folder))
        except NoResults as error:
            refused.append(str(error))
    assert [racer.communicate()[1] for racer in racers] == [""] * 4
    seen.append(values(folder))
    assert all(result == [result[0]] * (100 + result[0]) for result in seen)
    assert all("was replaced while it was being read" in reason for reason in refused), refused
    assert folder.manifest().strategy == str(seen[-1][0])
    assert generations(folder) == {folder.path.resolve()}
