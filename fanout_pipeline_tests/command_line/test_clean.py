"""`python -m fanout_pipeline clean`: what is removed, and what stays."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fanout_pipeline import read_results, write_results
from fanout_pipeline.command_line.clean import seconds_of
from fanout_pipeline.command_line.main import main
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline_tests.command_line.killed_runs import EARLIER, ITEMS
from fanout_pipeline_tests.end_to_end.project import CHECKOUT
from fanout_pipeline_tests.processes import wait_for
from fanout_pipeline_tests.results.layout import generations

OLD = Path(__file__).parents[1] / "results" / "store" / "format_2" / "powers"
PROGRAM = [sys.executable, "-m", "fanout_pipeline_tests.command_line.killed_runs"]
DAY = 86_400


def cleaned(capsys, *arguments, status=0):
    """What the command removes, and what it keeps, by the word for why."""
    assert main(["clean", "--json", *map(str, arguments)]) == status
    found = json.loads(capsys.readouterr().out)["found"]
    return {(Path(one["path"]), one["became"]) for one in found}


def contents(root):
    """Every link with its target, and every file with its hash, that a reader of results or a user sees."""
    return {
        (
            path,
            os.readlink(path)
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in map(Path, sorted(root.rglob("*")))
        if path.is_symlink() or path.is_file()
    }


def visible(root):
    """All that links of result folders lead to, and what users have put beside them."""
    found = {}
    for folder in [
        *(root / place for place in (*EARLIER, "committed", "powers/serial")),
        root / "inbox",
    ]:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(("part-", "_manifest", "_failures", "failures", "order")):
                found[path] = path.read_bytes()
    return found


@pytest.fixture
def root(tmp_path):
    """A data root with all that runs leave that are killed, a run that goes on, and files of a user's."""
    root = tmp_path / "data"
    process = subprocess.Popen([*PROGRAM, root], cwd=CHECKOUT)
    try:
        wait_for(lambda: (root / "waits").exists() or process.poll() is not None, 60, "all died")
        assert process.poll() is None
        shutil.copytree(OLD, root / "powers", symlinks=True)
        (root / "inbox").mkdir()
        (root / "inbox" / "order.json").write_text("{}")
        (root / "elsewhere").symlink_to(tmp_path / "outside")
        shutil.copytree(root / "_runs", tmp_path / "outside" / "_runs", symlinks=True)
        yield root
    finally:
        (root / "go").touch()
        assert process.wait(60) == 0


@pytest.mark.slow
def test_what_killed_runs_leave_goes_and_nothing_else(root, capsys):
    """In whichever moment a run was killed: results stay as they are, the run at work ends well, and so does the next."""
    before, outside = visible(root), contents(root.parent / "outside")
    (temporary,) = root.glob("_report.json.*.tmp")
    (sweep,) = root.glob("squares/_break_even-*")
    unfinished = {path.parent for path in root.rglob("_ledger.jsonl")}
    committed, alive = (root / "committed").resolve(), (root / "alive").resolve()
    (working,) = generations(root / "alive") - {alive}

    told = cleaned(capsys, "--older-than", "1h", root)
    assert {became for _, became in told} == {"newer", "in use"}
    planned = cleaned(capsys, "--older-than", "0h", "--dry-run", root)
    assert committed / "_spool" in committed.iterdir()
    os.utime(temporary, (time.time() - 2 * DAY,) * 2)
    done = cleaned(capsys, "--older-than", "0h", root)

    assert {one for one, became in planned ^ done} == {temporary.relative_to(root)}
    assert {one for one, became in done if became == "in use"} == {working.relative_to(root)}
    assert not temporary.exists()
    assert not sweep.exists()
    assert not (root / "scored_lab").exists()
    assert {path for path in unfinished if path.exists()} == {committed, working}
    assert [
        one.name for one in committed.iterdir() if one.name.startswith(("_spool", "_ledger"))
    ] == []
    assert list(root.glob("powers/.serial/*/_ledger.jsonl")) == []
    assert len(list(root.glob("_runs/replaced/*/_manifest.json"))) == 1
    assert visible(root) == before
    assert contents(root.parent / "outside") == outside
    assert {became for _, became in cleaned(capsys, "--older-than", "0h", root)} == {"in use"}

    (root / "go").touch()
    subprocess.run([*PROGRAM, root, "again"], cwd=CHECKOUT, check=True, timeout=120)
    for place in (
        "scored",
        "daily/partition=2026-11-01",
        "spooled",
        "_calls/report/score",
        "steps",
    ):
        assert read_results(root / place)["result"].tolist() == [2 * n for n in range(ITEMS)]


def test_calls_in_steps_are_removed_when_they_are_old(tmp_path, capsys):
    """A finished call's results, which no asset shows, do not stay for ever."""
    write_results(tmp_path / "_calls" / "report" / "score", [1])
    write_results(tmp_path / "scored", [1])
    place = Path("_calls/report/score")
    assert cleaned(capsys, "--older-than", "1h", tmp_path) == {(place, "newer")}
    assert cleaned(capsys, "--older-than", "0h", tmp_path) == {(place, "removed")}
    assert not (tmp_path / place).is_symlink()
    write_results(tmp_path / place, [2])
    assert read_results(tmp_path / place)["result"].tolist() == [2]


def test_a_lab_stays_while_one_measures(tmp_path, capsys):
    """Whichever lab of the data root it is, and whatever it has written so far."""
    trials = tmp_path / "scored_lab" / "trials"
    trials.mkdir(parents=True)
    (trials / "20260101T000000-0a1b2c3d.parquet").write_bytes(b"PAR1")
    with locked(tmp_path / "_lab.lock"):
        told = cleaned(capsys, "--older-than", "0h", tmp_path)
    assert told == {(Path("scored_lab"), "in use")}
    assert cleaned(capsys, "--older-than", "0h", tmp_path) == {(Path("scored_lab"), "removed")}


def test_what_a_link_of_a_user_leads_to_stays(tmp_path, capsys):
    """Results are visible under whichever name, whole or a file of them."""
    for name in ("scored", "daily"):
        write_results(tmp_path / name, [name])
    (tmp_path / "scored").rename(tmp_path / "kept")
    (tmp_path / "day.parquet").symlink_to((tmp_path / "daily" / "part-00000.parquet").resolve())
    (tmp_path / "daily").unlink()
    assert cleaned(capsys, "--older-than", "0h", tmp_path) == set()
    assert read_results(tmp_path / "kept")["result"].tolist() == ["scored"]
    (tmp_path / "day.parquet").unlink()
    ((gone, _),) = cleaned(capsys, "--older-than", "0h", tmp_path)
    assert gone.parent == Path("_runs/daily")


def test_a_ledger_of_a_later_version_stays(tmp_path, capsys):
    """What this version cannot read it does not remove, and says why."""
    write_results(tmp_path / "scored", [1])
    later = tmp_path / "_runs" / "scored" / "0a1b2c3d4e5f"
    later.mkdir()
    (later / "_ledger.jsonl").write_text('{"format": 99}\n')
    assert main(["clean", "--older-than", "0h", str(tmp_path)]) == 1
    assert "NOT REMOVED, its ledger is of another version" in capsys.readouterr().out
    assert (later / "_ledger.jsonl").exists()


@pytest.mark.parametrize("folder", ["/", "~", str(CHECKOUT), "empty", "missing", ""])
def test_a_folder_that_is_no_data_root_is_refused(folder, tmp_path, monkeypatch, capsys):
    """A slip of the hand removes nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FANOUT_DATA", raising=False)
    (tmp_path / "empty").mkdir()
    named = [os.path.expanduser(folder)] if folder else []
    assert main(["clean", "--older-than", "0h", *named]) == 2
    assert "data root" in capsys.readouterr().err


def test_the_folder_is_that_of_the_environment(tmp_path, monkeypatch, capsys):
    """In a container, `clean` needs no folder, for FANOUT_DATA is set there; it may be a link."""
    write_results(tmp_path / "disk" / "_calls" / "report" / "score", [1])
    (tmp_path / "data").symlink_to("disk")
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "data"))
    assert main(["clean", "--older-than", "0h", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "results of the call score in a step: _calls/report/score" in told
    assert f"{tmp_path / 'disk'}: 1 would be removed: " in told


def test_ages():
    """Hours, days and weeks."""
    texts = ("0h", "12h", "30d", "2w")
    assert [seconds_of(text) for text in texts] == [0, 43_200, 2_592_000, 1_209_600]


@pytest.mark.parametrize("text", ["30", "-1d", "1.5d", "d", "30 days", ""])
def test_an_age_that_nobody_understands(text, capsys):
    """Nothing is guessed where it is said what to remove."""
    with pytest.raises(SystemExit, match="2"):
        main(["clean", f"--older-than={text}", "/srv"])
    assert "such as 12h, 30d or 2w" in capsys.readouterr().err
