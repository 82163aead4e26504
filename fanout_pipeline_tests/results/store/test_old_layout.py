"""Results in the layout of format 2 are read, and replaced by the next run. See `test_formats` for the fixture."""

import shutil
from pathlib import Path

import pytest

from fanout_pipeline import read_results, write_results
from fanout_pipeline.measuring.correctness.order_check import check_order
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.read import first_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import Identity, begin
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest, NoResults
from fanout_pipeline.results.write import write_part

POWERS = [None if n in (3, 7) else n**20 for n in range(12)]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(Path(__file__).parent / "format_2", tmp_path / "data", symlinks=True)
    return tmp_path / "data" / "powers" / "serial"


def test_results_are_read(folder):
    """The first results, and what they were made by, are known."""
    assert first_results(folder, 4) == POWERS[:4]
    assert ResultFolder(folder).manifest().strategy == "serial"


def test_order_is_checked(folder, tmp_path):
    """Results of this version can be compared with them, and are found to be the same."""
    target = ResultFolder(tmp_path / "new" / "serial")
    with target.writing() as generation:
        part = write_part(generation, 0, 0, POWERS)
        target.commit(generation, Manifest("serial", (part,)))
    check = check_order(target.path, folder)
    assert check.in_order
    # As one side lists 3 and 7 as failed, they are not compared.
    assert (check.wrong, check.missing, check.duplicated) == (0, 0, 0)


def test_the_next_run_replaces_them(folder):
    """Nothing of the old layout is left, neither results nor what a dead run had written."""
    write_results(folder, [1, 2])
    assert read_results(folder)["result"].tolist() == [1, 2]
    assert {path.name for path in folder.parent.iterdir()} == {"serial", "_runs"}


def test_a_run_that_does_not_commit_leaves_them(folder):
    """Until new results are there, the old ones are visible, and nothing of a dead run is reused."""
    told = []
    with ResultFolder(folder).writing(Identity({}), told.append) as generation:
        assert generation.names() == []
    assert told == []
    assert read_results(folder)["result"].tolist() == POWERS


def test_a_run_of_an_earlier_version_is_left_alone(folder):
    """What its process holds the lock of stays, and goes with the commit after its end."""
    (dead,) = (path.parent for path in folder.parent.glob(".serial/*/.lock"))
    with locked(dead / ".lock"):
        write_results(folder, [1])
        assert (dead / "part-00000.parquet").exists()
    write_results(folder, [2])
    assert not dead.parent.exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """A hidden folder that happens to be named like the results is not taken for theirs."""
    theirs = tmp_path / ".config" / "editor"
    theirs.mkdir(parents=True)
    (theirs / "settings").touch()
    (theirs.parent / ".lock").touch()
    write_results(tmp_path / "config", [1])
    assert [path.name for path in theirs.iterdir()] == ["settings"]


def test_temporary_files_of_an_earlier_version_are_removed(tmp_path):
    """What a killed run of trials left, which commits nothing, goes when the next run of trials begins."""
    left = tmp_path / ".trials" / "90ac55e0b1f3"
    (left / "serial").mkdir(parents=True)
    (left / ".lock").touch()
    (left.parent / ".lock").touch()
    with ResultFolder(tmp_path / "trials").scratch():
        assert not left.parent.exists()


def test_visible_results_of_an_earlier_version_outlive_temporary_files(folder):
    """Only a commit replaces them."""
    with ResultFolder(folder).scratch():
        assert read_results(folder)["result"].tolist() == POWERS
    assert read_results(folder)["result"].tolist() == POWERS


@pytest.mark.parametrize("name", ["_manifest.json", "_ledger.jsonl"])
def test_what_a_later_version_has_written_is_refused_and_kept(tmp_path, name):
    """Neither results nor a ledger of an unknown format are replaced, resumed or removed."""
    target = ResultFolder(tmp_path / "squares" / "threads")
    write_results(target.path, [1])
    generation = target.visible()
    if name == "_ledger.jsonl":
        generation = LocalGeneration(generation.path.with_name("dead"))
        generation.path.mkdir()
        begin(generation, Identity({}))
    file = generation.path / name
    file.write_text(file.read_text().replace('"format": 4', '"format": 5', 1))
    before = file.read_bytes()
    with pytest.raises(NoResults, match=r"written in format 5, .* reads 2, 3, 4: use the version"):
        write_results(target.path, [2])
    assert file.read_bytes() == before


def test_what_a_later_version_keeps_elsewhere_is_refused_and_kept(tmp_path):
    """Results of an unknown format are not replaced wherever their version keeps them."""
    target = ResultFolder(tmp_path / "squares" / "threads")
    write_results(target.path, [1])
    elsewhere = target.path.parent / "_later" / "threads"
    elsewhere.parent.mkdir()
    target.path.resolve().rename(elsewhere)
    target.path.unlink()
    target.path.symlink_to(elsewhere)
    file = elsewhere / "_manifest.json"
    file.write_text(file.read_text().replace('"format": 4', '"format": 5', 1))
    with pytest.raises(NoResults, match="written in format 5"):
        write_results(target.path, [2])
    assert target.path.resolve() == elsewhere
